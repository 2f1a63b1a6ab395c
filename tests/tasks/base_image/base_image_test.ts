import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  KedgeError,
  UnreachableError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Lockfile } from "../../../lib/cache/lockfile.ts";
import { machinePlatform } from "../../../lib/oci/platform.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import {
  baseImage,
  type BaseImageOptions,
  type BaseImageResult,
} from "../../../tasks/base_image/base_image.ts";
import { type NixImage, pushNixImage } from "../../support/nix_image.ts";
import { fakeDocker } from "../../support/fake_docker.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { type RunningRegistry, startRegistry } from "../../support/registry.ts";
import { treeOf } from "../../support/tree.ts";

const other = machinePlatform().architecture === "amd64" ? "arm64" : "amd64";
const foreign = { os: "linux", architecture: other };

/** A registry with base images, and a folder with a cache. */
class Room implements AsyncDisposable {
  private constructor(readonly folder: string, readonly registry: RunningRegistry) {}

  static async make(): Promise<Room> {
    return new Room(await Deno.makeTempDir(), await startRegistry());
  }

  async push(tag: string, ...images: NixImage[]): Promise<string> {
    return await pushNixImage(this.folder, this.registry.host, tag, images);
  }

  get repository(): string {
    return `${this.registry.host}/nixos/nix`;
  }

  get cacheDir(): string {
    return join(this.folder, "cache");
  }

  async run(
    options: BaseImageOptions = {},
    context: TaskContextOptions = {},
  ): Promise<BaseImageResult> {
    return await baseImage({ repository: this.repository, ...options }, {
      cache: new Cache(this.cacheDir),
      ...context,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

const registry = ["docker-registry"];

realTest("baseImage() pins the image of this machine's own Nix", [...registry, "nix"], async () => {
  await using room = await Room.make();
  const digest = await room.push("2.8.0", { label: "2.8.0" }, {
    label: "2.8.0",
    platform: foreign,
  });
  await room.push("2.9.1", { label: "2.9.1" });
  const found = await room.run();
  assertEquals(found.reference, `docker://${room.repository}:2.8.0@${digest}`);
  assertEquals([found.nixVersion, found.wantedVersion], ["2.8.0", "2.8.0"]);
  assertEquals([found.changed, found.bytesMoved], [true, 0]);
});

realTest(
  "baseImage() asks nobody the second time, and with one HEAD when it must",
  registry,
  async () => {
    await using room = await Room.make();
    await room.push("2.8.0", { label: "2.8.0" });
    const first = await room.run({ nixVersion: "2.8.0" });
    const second = await room.run({ nixVersion: "2.8.0" });
    assertEquals([first.requests, second.requests, second.changed], [3, 0, false]);
    const before = (await room.registry.accesses()).length;
    const refreshed = await room.run({ nixVersion: "2.8.0" }, { refresh: "all" });
    const accesses = (await room.registry.accesses()).slice(before);
    assertEquals(accesses, ["HEAD /v2/nixos/nix/manifests/2.8.0 200"]);
    assertEquals([refreshed.requests, refreshed.changed], [1, false]);
    assertEquals(refreshed.digest, first.digest);
  },
);

realTest("a dry run of baseImage() writes nothing and foresees the figures", registry, async () => {
  await using room = await Room.make();
  await room.push("2.8.0", { label: "2.8.0" });
  const planned = await room.run({ nixVersion: "2.8.0" }, { dryRun: true });
  assertEquals((await treeOf(room.cacheDir)).size, 0);
  const done = await room.run({ nixVersion: "2.8.0" });
  assertEquals({ ...planned, dryRun: false }, done);
});

/** What nixpkgs notes of the layers of official images, of which those before Nix 2.30 have no label. */
function commentsOf(...versions: string[]): string[] {
  const hash = "37rxcdx1wksl9dl0p9mnd0dh10h4rzfl";
  const paths = versions.flatMap((version) => [`nix-${version}`, `nix-${version}-man`]);
  const rest = ["nix-customisation-layer", "nix-store-2.27.0", "unix-2.0.0", "nix-2.7.0-x"];
  return [["glibc-2.40-66"], paths, rest].map((layer) =>
    `store paths: [${layer.map((name) => `'/nix/store/${hash}-${name}'`).join(", ")}]`
  );
}

realTest(
  "baseImage() takes an image without a label by what its history names",
  registry,
  async () => {
    await using room = await Room.make();
    const digest = await room.push("2.8.0", { comments: commentsOf("2.8.0") });
    const { nixVersion, digest: found } = await room.run({ nixVersion: "2.8.0" });
    assertEquals([nixVersion, found], ["2.8.0", digest]);
    await room.push("2.9.0", { comments: commentsOf("2.9.1") });
    const wrong = await assertRejects(() => room.run({ nixVersion: "2.9.0" }), VerificationError);
    assertStringIncludes(wrong.message, 'its history says version "2.9.1", not "2.9.0"');
    // The label decides where there is one.
    await room.push("2.10.0", { label: "2.10.1", comments: commentsOf("2.10.0") });
    const labelled = await assertRejects(
      () => room.run({ nixVersion: "2.10.0" }),
      VerificationError,
    );
    assertStringIncludes(labelled.message, 'its label says version "2.10.1", not "2.10.0"');
    for (
      const [tag, ...versions] of [
        ["2.11.0"],
        ["2.12.0", "2.12.0", "2.3"],
        ["2.13.0", "2.13.0", "2.14pre20250101_abcdef0"],
      ] as const
    ) {
      await room.push(tag, { comments: commentsOf(...versions) });
      const none = await assertRejects(() => room.run({ nixVersion: tag }), VerificationError);
      assertStringIncludes(none.message, "its history names no one Nix");
    }
  },
);

realTest("baseImage() refuses an image whose label is not its tag", registry, async () => {
  await using room = await Room.make();
  await room.push("2.8.0", { label: "2.9.0" });
  await room.push("2.8.1", {});
  const wrong = await assertRejects(() => room.run({ nixVersion: "2.8.0" }), VerificationError);
  assertStringIncludes(wrong.message, 'its label says version "2.9.0", not "2.8.0"');
  const none = await assertRejects(() => room.run({ nixVersion: "2.8.1" }), VerificationError);
  assertStringIncludes(none.message, "its config has no label org.opencontainers.image.version");
  assertEquals((await treeOf(join(room.cacheDir, "oci-v1"))).size, 0);
});

realTest("baseImage() names the platforms that there are", registry, async () => {
  await using room = await Room.make();
  await room.push("2.8.0", { label: "2.8.0", platform: foreign });
  const error = await assertRejects(() => room.run({ nixVersion: "2.8.0" }), KedgeError);
  assertStringIncludes(error.message, `: it is for linux/${other}`);
  assertEquals(error.hint, "choose one of these with --platform");
  const found = await room.run({ nixVersion: "2.8.0", platform: `linux/${other}` });
  assertEquals(found.platform, `linux/${other}`);
});

realTest(
  "baseImage() names the nearest tags and takes no other version by itself",
  registry,
  async () => {
    await using room = await Room.make();
    for (const tag of ["2.8.0", "2.31.4", "2.31.3", "2.32.0"]) await room.push(tag, { label: tag });
    for (
      const [version, near] of [
        ["2.31.5", "2.31.4, 2.31.3, 2.32.0"],
        ["nix (Lix, like Nix) 2.91.1", "2.32.0, 2.31.4, 2.31.3"],
        ["2.32pre20260101_abc", "2.32.0, 2.31.4, 2.31.3"],
        ["2.5pre20211105_abc", "2.8.0, 2.31.3, 2.31.4"],
        ["2.31.2", "2.31.4, 2.31.3, 2.8.0"],
      ] as const
    ) {
      const error = await assertRejects(() => room.run({ nixVersion: version }), KedgeError);
      assertStringIncludes(error.message, "Cannot find a base image with Nix ");
      assertEquals(error.hint, `the nearest tags are ${near}; choose one with --fallback`);
    }
  },
);

realTest("baseImage() takes the fallback that was chosen, and says so", registry, async () => {
  await using room = await Room.make();
  for (const tag of ["2.31.3", "2.31.10", "2.32.0"]) await room.push(tag, { label: tag });
  const notes: string[] = [];
  const report: TaskContextOptions["report"] = (event) => {
    if (event.type === "note") notes.push(event.message);
  };
  const minor = await room.run({ nixVersion: "2.31.12", fallback: "minor" }, { report });
  assertEquals([minor.nixVersion, minor.wantedVersion], ["2.31.10", "2.31.12"]);
  assertStringIncludes(notes.join(), "taking the fallback 2.31.10, which holds Nix 2.31.10");
  notes.length = 0;
  await room.run({ nixVersion: "2.31.12", fallback: "minor" }, { report });
  assertStringIncludes(notes.join(), "taking the fallback 2.31.10, which holds Nix 2.31.10");
  const stands = await room.run({ nixVersion: "2.31.12", fallback: "minor" }, { refresh: "all" });
  assertEquals([stands.nixVersion, stands.changed], ["2.31.10", false]);
  await room.push("2.31.12", { label: "2.31.12" });
  const come = await room.run({ nixVersion: "2.31.12", fallback: "minor" }, { refresh: "all" });
  assertEquals([come.nixVersion, come.changed], ["2.31.12", true]);
  const lix = "nix (Lix, like Nix) 2.91.1";
  const tag = await room.run({ nixVersion: lix, fallback: "2.32.0" });
  assertEquals(tag.nixVersion, "2.32.0");
  const digest = await room.run({ nixVersion: lix, fallback: minor.digest });
  assertEquals(digest.reference, `docker://${room.repository}@${minor.digest}`);
  await assertRejects(() => room.run({ nixVersion: lix, fallback: "minor" }), KedgeError);
  for (
    const [fallback, state, near] of [
      ["9.9", "no such tag", "2.32.0, 2.31.12, 2.31.10"],
      ["2.31.11", "no such tag", "2.31.12, 2.31.10, 2.31.3"],
      ["newest", "no such tag", "2.32.0, 2.31.12, 2.31.10"],
      [`sha256:${"0".repeat(64)}`, "no such digest", "2.32.0, 2.31.12, 2.31.10"],
    ] as const
  ) {
    const none = await assertRejects(() => room.run({ nixVersion: lix, fallback }), KedgeError);
    assertEquals(
      [none.message, none.hint],
      [
        `Cannot fall back to "${fallback}": "${room.repository}" has ${state}`,
        `the nearest tags are ${near}; choose one with --fallback`,
      ],
    );
  }
  await room.push("2.32.1", { label: "2.32.0" });
  const wrong = () => room.run({ nixVersion: lix, fallback: "2.32.1" });
  await assertRejects(wrong, VerificationError, 'its label says version "2.32.0"');
  await room.push("2.32", { label: "2.32.1" });
  assertEquals((await room.run({ nixVersion: lix, fallback: "2.32" })).nixVersion, "2.32.1");
});

realTest("kedge.lock holds a base image to its digest until it may move", registry, async () => {
  await using room = await Room.make();
  const first = await room.push("2.8.0", { label: "2.8.0", layers: ["a"] });
  const path = join(room.folder, "kedge.lock");
  const nixVersion = "2.8.0";
  await room.run({ nixVersion }, { lockfile: new Lockfile(path) });
  const second = await room.push("2.8.0", { label: "2.8.0", layers: ["b"] });
  await Deno.remove(room.cacheDir, { recursive: true });
  const held = await room.run({ nixVersion }, { lockfile: new Lockfile(path, { frozen: true }) });
  assertEquals(held.digest, first);
  const moved = await room.run({ nixVersion }, { lockfile: new Lockfile(path, { update: "all" }) });
  assertEquals([moved.digest, moved.changed], [second, true]);
  await assertRejects(
    () => room.run({ nixVersion: "2.9.0" }, { lockfile: new Lockfile(path, { frozen: true }) }),
    UsageError,
  );
});

realTest(
  "baseImage() works offline with what it knows, and says what it does not",
  registry,
  async () => {
    await using room = await Room.make();
    await room.push("2.8.0", { label: "2.8.0" });
    await assertRejects(
      () => room.run({ nixVersion: "2.8.0" }, { offline: true }),
      UnreachableError,
    );
    const known = await room.run({ nixVersion: "2.8.0" });
    const offline = await room.run({ nixVersion: "2.8.0" }, { offline: true });
    assertEquals([offline.digest, offline.requests], [known.digest, 0]);
    assertMatch(offline.why, /^its digest is known since \d{4}-\d\d-\d\dT[\d:.]+Z$/);
  },
);

realTest("baseImage() brings the image into an engine, once", registry, async () => {
  await using room = await Room.make();
  await room.push("2.8.0", { label: "2.8.0" });
  const engines = { docker: { program: await fakeDocker(room.folder) } };
  const run = async () =>
    await room.run({ nixVersion: "2.8.0", to: "docker-daemon:acme/nix:base", engines });
  const first = await run();
  assertEquals(first.bytesMoved > first.size, true);
  assertStringIncludes(first.copy ?? "", "docker-daemon:acme/nix:base");
  const { names } = JSON.parse(await Deno.readTextFile(join(room.folder, "state")));
  assertEquals(names, { "acme/nix:base": first.configDigest });
  const again = await run();
  assertEquals([again.changed, again.bytesMoved, again.bytesReused], [false, 0, again.size]);
});

Deno.test("base-image where no Nix is installed asks for the version", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-no-nix-" });
  try {
    const done = await runKedge(["base-image"], { cacheDir: folder, env: { PATH: folder } });
    assertEquals(done.code, 2);
    assertStringIncludes(done.stderr, 'error: Cannot run "nix": it is not installed');
    assertStringIncludes(done.stderr, "hint: name the version without it: --nix-version=2.31.5");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

realTest("base-image prints the pinned image, and brings it to a layout", registry, async () => {
  await using room = await Room.make();
  const digest = await room.push("2.8.0", { label: "2.8.0" });
  const args = ["base-image", "--nix-version=2.8.0", `--repository=${room.repository}`];
  const to = `--to=oci:${join(room.folder, "layout")}:base`;
  const { code, stdout, stderr } = await runKedge([...args, to], { cacheDir: room.cacheDir });
  assertEquals([code, stdout], [0, `${room.repository}:2.8.0@${digest}\n`], stderr);
  const again = await runKedge([...args, to, "--json"], { cacheDir: room.cacheDir });
  const last = JSON.parse(again.stdout.trim().split("\n").at(-1)!);
  assertEquals([last.value.changed, last.value.bytesMoved], [false, 0]);
});

for (
  const [name, options] of Object.entries({
    repository: { repository: "docker.io/nixos/nix:2.8" },
    platform: { platform: "linux" },
    fallback: { fallback: "not a tag" },
    nixVersion: { nixVersion: "latest" },
    maxAge: { maxAge: -1 },
    to: { to: "podman" },
  })
) {
  Deno.test(`baseImage() refuses a bad ${name}`, async () => {
    await assertRejects(
      () => baseImage({ nixVersion: "2.8.0", ...options }, { dryRun: true }),
      UsageError,
    );
  });
}

Deno.test("baseImage() refuses what is no text, or no time, of a task file whose types nobody checked", async () => {
  const cases: [object, string][] = [
    [{ nixVersion: 2.31 }, "Cannot use 2.31 as nixVersion: it must be a text"],
    [{ repository: 3 }, "Cannot use 3 as repository: it must be a text"],
    [{ fallback: true }, "Cannot use true as fallback: it must be a text"],
    [{ to: {} }, "Cannot use an object as to: it must be a text"],
    [{ insecureRegistries: "a.dev" }, 'Cannot use "a.dev" as insecureRegistries'],
    [{ maxAge: true }, "Cannot use true as maxAge: it must be a number of milliseconds, or a text"],
    [{ maxAge: -1 }, "Cannot use -1 as maxAge"],
  ];
  for (const [options, message] of cases) {
    await assertRejects(
      () => baseImage({ nixVersion: "2.31.5", ...options } as BaseImageOptions),
      UsageError,
      message,
    );
  }
});
