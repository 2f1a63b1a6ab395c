/** What of an image is copied. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../lib/base/digest.ts";
import { KedgeError } from "../../lib/base/errors.ts";
import { Layout } from "../../lib/oci/layout.ts";
import { MediaType } from "../../lib/oci/media_type.ts";
import { FakeRegistry } from "../support/fake_registry.ts";
import { putContent, randomBytes, writeImage, writeIndex } from "../support/layout.ts";
import { ImageRoom } from "../support/image_room.ts";

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
