/** What mirrors and a registries.conf say holds for a base image as for any other: where it is looked up, copied and carried. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import {
  baseImage,
  type BaseImageOptions,
  type BaseImageResult,
} from "../../../tasks/base_image/base_image.ts";
import { carryStore } from "../../../tasks/store/store.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { pushNixImage } from "../../support/nix_image.ts";
import { runKedge } from "../../support/program.ts";

/** A registry with the base image of Nix 2.8.0 and a configuration that says something of another one, which is nowhere. */
class Room implements AsyncDisposable {
  readonly registriesConf: string;

  private constructor(
    readonly room: ImageRoom,
    readonly registry: FakeRegistry,
    readonly digest: string,
  ) {
    this.registriesConf = room.path("registries.conf");
  }

  static async make(conf: (host: string) => string): Promise<Room> {
    const room = await ImageRoom.make();
    const registry = new FakeRegistry();
    const digest = await pushNixImage(room.path("work"), registry.host, "2.8.0", [{
      label: "2.8.0",
    }]);
    const made = new Room(room, registry, digest);
    await Deno.writeTextFile(made.registriesConf, `[[registry]]\n${conf(registry.host)}\n`);
    registry.requests.length = 0;
    return made;
  }

  async find(options: BaseImageOptions = {}): Promise<BaseImageResult> {
    const { registriesConf } = this;
    return await baseImage({
      repository: "far.invalid/nixos/nix",
      nixVersion: "2.8.0",
      registriesConf,
      ...options,
    }, { cache: new Cache(this.room.path("cache")) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await this.room[Symbol.asyncDispose]();
  }
}

const mirrored = (host: string) =>
  `location = "far.invalid"\n[[registry.mirror]]\nlocation = "${host}"`;
const moved = (host: string) => `prefix = "far.invalid"\nlocation = "${host}"`;

for (const [what, conf] of Object.entries({ mirrored, moved })) {
  Deno.test(`a base image is found and read where a registries.conf has its registry ${what}`, async () => {
    await using room = await Room.make(conf);
    const { copy: _copy, ...base } = await room.find({
      to: `oci:${room.room.path("layout")}:base`,
    });
    assertEquals(base.reference, `docker://far.invalid/nixos/nix:2.8.0@${room.digest}`);
    const { registriesConf } = room;
    room.registry.requests.length = 0;
    await assertRejects(
      () =>
        carryStore({
          base,
          to: { folder: room.room.path("nix") },
          registriesConf,
        }, { cache: new Cache(room.room.path("cache")) }),
      KedgeError,
      "it is not a tarball",
    );
    assertStringIncludes(room.registry.log.join("\n"), "GET /v2/nixos/nix/blobs/");
    const pinned = await room.find({ fallback: room.digest, nixVersion: "2.8.1pre1" });
    assertEquals(pinned.digest, room.digest);
  });
}

Deno.test("the nearest base images are those that the registry has where a registries.conf has it", async () => {
  await using room = await Room.make(moved);
  const { message, hint } = await assertRejects(
    () => room.find({ nixVersion: "2.8.1" }),
    KedgeError,
  );
  assertStringIncludes(message, 'base image with Nix "2.8.1" in "far.invalid/nixos/nix"');
  assertStringIncludes(String(hint), "the nearest tags are 2.8.0;");
});

Deno.test("a registry that a registries.conf blocks is asked for no base image", async () => {
  await using room = await Room.make((host) => `location = "${host}/nixos"\nblocked = true`);
  const repository = `${room.registry.host}/nixos/nix`;
  const said = `Cannot use "${repository}": the registries' configuration blocks it`;
  await assertRejects(() => room.find({ repository }), UsageError, said);
  assertEquals(room.registry.log, []);
  const base = await room.find({ repository, registriesConf: "" });
  room.registry.requests.length = 0;
  const to = { folder: room.room.path("nix") };
  const { registriesConf } = room;
  await assertRejects(
    () => carryStore({ base, to, registriesConf }, { cache: new Cache(room.room.path("cache")) }),
    UsageError,
    said,
  );
  assertEquals(room.registry.log, []);
});

Deno.test("base-image and base-image:carry read mirrors of --mirror, --registries-conf and CONTAINERS_REGISTRIES_CONF", async () => {
  await using room = await Room.make(mirrored);
  const { registriesConf, registry: { host } } = room;
  const named = ["--repository", "far.invalid/nixos/nix", "--nix-version", "2.8.0"];
  const ways: [string[], Record<string, string>][] = [
    [["--mirror", `far.invalid=${host}`], {}],
    [["--registries-conf", registriesConf], {}],
    [[], { CONTAINERS_REGISTRIES_CONF: registriesConf }],
  ];
  for (const [at, [flags, env]] of ways.entries()) {
    const cacheDir = room.room.path(`cache-${at}`);
    const { code, stderr } = await runKedge(["base-image", ...named, ...flags], { cacheDir, env });
    assertEquals(code, 0, stderr);
    const folder = room.room.path(`nix-${at}`);
    const carried = await runKedge(
      ["base-image:carry", ...named, "--folder", folder, ...flags],
      { cacheDir, env },
    );
    assertStringIncludes(carried.stderr, "it is not a tarball");
  }
});
