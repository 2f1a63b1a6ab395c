/** What of an image is copied. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { putContent, randomBytes, writeImage, writeIndex } from "../../support/layout.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

const layers = [randomBytes(900_000, 1), randomBytes(10_000, 2), randomBytes(300_000, 3)];

const amd64 = { layers };

Deno.test("syncImage() takes this machine's platform of an index, or those that are named", async () => {
  await using room = await ImageRoom.make();
  const machine = { os: "linux", architecture: Deno.build.arch === "x86_64" ? "amd64" : "arm64" };
  const images = [
    { ...amd64, platform: machine },
    { layers: ["r"], platform: { os: "linux", architecture: "riscv64" } },
    { layers: ["6"], platform: { os: "linux", architecture: "arm", variant: "v6" } },
    { layers: ["7"], platform: { os: "linux", architecture: "arm", variant: "v7" } },
  ];
  const index = await writeIndex(room.path("from"), "v1", images);
  const { manifests } = JSON.parse(
    await Deno.readTextFile(new Layout(room.path("from")).blobPath(index.digest)),
  );
  const from = `oci:${room.path("from")}:v1`;
  const digestOf = async (name: string, platforms?: string[]) =>
    (await room.sync(from, `oci:${room.path(name)}:v1`, { platforms })).digest;
  assertEquals(await digestOf("default"), manifests[0].digest);
  assertEquals(await digestOf("riscv", ["linux/riscv64"]), manifests[1].digest);
  assertEquals(await digestOf("v7", ["linux/arm/v7"]), manifests[3].digest);
  const two = await room.sync(from, `oci:${room.path("two")}:v1`, {
    platforms: ["linux/arm/v6", "linux/riscv64"],
  });
  assertEquals(two.mediaType, MediaType.ociIndex);
  const narrowed = await new Layout(room.path("two")).manifest(two.digest as typeof index.digest);
  assertEquals(narrowed?.manifests.map(({ digest }) => digest), [
    manifests[1].digest,
    manifests[2].digest,
  ]);
  const error = await assertRejects(
    () => room.sync(from, `oci:${room.path("none")}:v1`, { platforms: ["windows/amd64"] }),
    KedgeError,
    "for windows/amd64: the index has no such image",
  );
  assertStringIncludes(error.hint ?? "", "linux/arm/v7");
});

Deno.test("syncImage() leaves an index whole that is brought to its own place, unless some of it is asked for", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const arm = { os: "linux", architecture: "arm64" };
  const index = await writeIndex(room.path("a"), "latest", [amd64, {
    layers: ["b"],
    platform: arm,
  }]);
  const places = [`oci:${room.path("a")}:latest`, `docker://${registry.host}/a`];
  await room.sync(places[0]!, places[1]!, { allPlatforms: true });
  await Deno.symlink(room.path("a"), room.path("link"));
  const selves = [
    [places[0]!, `oci:${room.path("b")}/../a:latest`],
    [`oci:${room.path("link")}:latest`, places[0]!],
    [places[1]!, `${places[1]}:latest`],
  ] as const;
  for (const [from, to] of selves) {
    const error = await assertRejects(
      () => room.sync(from, to),
      UsageError,
      `Cannot sync "${from}" to itself: its index would lose all images but one`,
    );
    assertStringIncludes(error.hint ?? "", "--platform");
    const all = [{ allPlatforms: true }, { allPlatforms: true, verifyExisting: true }];
    for (const options of all) assertEquals((await room.sync(from, to, options)).changed, false);
    const { digest } = await room.sync(from, to, { platforms: ["linux/arm64"] });
    assertEquals(digest === index.digest, false);
    // An older one may be brought back.
    await room.sync(`${from}@${index.digest}`, to);
    // What is not an index is left as it is.
    assertEquals((await room.sync(from, to)).changed, false);
    await room.sync(`${from}@${index.digest}`, to, { allPlatforms: true });
  }
});

Deno.test("syncImage() says of the digest of an index how it is brought whole", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const { digest } = await writeIndex(room.path("a"), "v1", [amd64]);
  const [from, to] = [`oci:${room.path("a")}:v1`, `docker://${registry.host}/a:v1@${digest}`];
  const error = await assertRejects(() => room.sync(from, to), VerificationError, "has the digest");
  assertEquals(error.hint, "that is the digest of the whole index: copy it with --all-platforms");
  await room.sync(from, to, { allPlatforms: true });
  const other = `${to.slice(0, -64)}${"0".repeat(64)}`;
  const wrong = await assertRejects(() => room.sync(from, other), VerificationError);
  assertEquals(wrong.hint, undefined);
});

Deno.test("syncImage() leaves foreign layers where they are", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const from = room.path("from");
  const foreign = {
    mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    digest: sha256("somewhere else"),
    size: 14,
    urls: ["https://layers.example/1"],
  };
  const layer = await putContent(from, "here", MediaType.ociLayerGzip);
  await writeImage(from, "v1", { layers: [], extra: { layers: [foreign, layer] } });
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${from}:v1`, there);
  assertEquals((await room.sync(there, `oci:${room.path("to")}:v1`)).changed, true);
  assertStringIncludes(room.notes.join("\n"), "is a foreign layer");
});

realTest(
  "syncImage() names the foreign layer where docker-registry refuses the image for it",
  ["docker-registry"],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = await startRegistry();
    const from = room.path("from");
    const foreign = {
      mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
      digest: sha256("somewhere else"),
      size: 14,
      urls: ["https://layers.example/1"],
    };
    await writeImage(from, "v1", { layers: [], extra: { layers: [foreign] } });
    const to = `docker://${registry.host}/a:v1`;
    const { message, hint, exitCode } = await assertRejects(
      () => syncImage({ from: `oci:${from}:v1`, to }, room.context),
      KedgeError,
    );
    assertEquals(
      message.split(": ").slice(1).join(": "),
      `the registry answered 500 (MANIFEST_BLOB_UNKNOWN: blob unknown to registry: ${foreign.digest})`,
    );
    assertEquals(exitCode, 1);
    assertEquals(
      hint,
      `${foreign.digest} is a foreign layer, which is not copied: a registry may refuse what points ` +
        "to one (docker-registry takes only the URLs of its validation.manifests.urls.allow)",
    );
    const puts = (await registry.accesses()).filter((line) => /^PUT \S*\/manifests\//.test(line));
    assertEquals(puts.map((line) => line.replace(/^.* /, "")), ["500"]);
  },
);

Deno.test("syncImage() asks a registry once for an index of which a layout has the chosen image", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const platforms = ["linux/amd64"];
  const other = { layers: ["r"], platform: { os: "linux", architecture: "riscv64" } };
  await writeIndex(room.path("from"), "v1", [amd64, other]);
  const from = `docker://${registry.host}/a:v1`;
  const to = `oci:${room.path("to")}:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, from, { allPlatforms: true });
  const first = await room.sync(from, to, { platforms });
  const before = registry.log.length;
  const again = await syncImage({ from, to, platforms }, room.context);
  assertEquals(registry.log.slice(before), ["GET /v2/a/manifests/v1 200"]);
  assertEquals([again.changed, again.requests, again.digest], [false, 1, first.digest]);
  assertEquals(again.bytesReused, first.bytesMoved);

  await Deno.writeTextFile(new Layout(room.path("to")).blobPath(first.digest), "damaged");
  const mended = await syncImage({ from, to, platforms }, room.context);
  assertEquals([mended.changed, mended.digest], [true, first.digest]);
  assertEquals((await syncImage({ from, to, platforms }, room.context)).changed, false);
});
