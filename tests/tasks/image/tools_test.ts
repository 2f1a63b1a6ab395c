/** Other programs on both sides of a copy. */
import { assertEquals } from "@std/assert";
import { type Digest, sha256 } from "../../../lib/base/digest.ts";
import { runProcess } from "../../../lib/base/process_group.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { collectImages } from "../../../tasks/image/gc.ts";
import { randomBytes, writeImage, writeIndex } from "../../support/layout.ts";
import { realTest } from "../../support/real.ts";
import { writeRunnableImage } from "../../support/runnable_image.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { startRegistry } from "../../support/registry.ts";

async function skopeo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess("skopeo", { args });
  assertEquals(code, 0, stderr);
  return stdout;
}

const layers = [randomBytes(900_000, 1), randomBytes(10_000, 2), randomBytes(300_000, 3)];
const amd64 = { layers };
const arm64 = {
  layers: [randomBytes(200_000, 4)],
  platform: { os: "linux", architecture: "arm64" },
};

realTest("syncImage() and skopeo read what the other wrote, digests equal", [
  "docker-registry",
  "skopeo",
], async () => {
  await using room = await ImageRoom.make();
  await using registry = await startRegistry();
  const zipped = async (bytes: Uint8Array<ArrayBuffer>) =>
    new Uint8Array(
      await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip")))
        .arrayBuffer(),
    );
  const armLayer = await zipped(arm64.layers[0]!);
  const image = await writeIndex(room.path("from"), "v1", [
    { layers: await Promise.all(layers.map(zipped)) },
    { ...arm64, layers: [armLayer] },
  ]);
  const ours = `docker://${registry.host}/ours:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, ours, { allPlatforms: true });
  const raw = await skopeo("inspect", "--raw", "--tls-verify=false", ours);
  assertEquals(sha256(raw), image.digest);
  const copied = `oci:${room.path("skopeo")}:v1`;
  await skopeo("copy", "-q", "--all", "--src-tls-verify=false", ours, copied);
  const index = await new Layout(room.path("skopeo")).find("v1");
  assertEquals(index?.digest, image.digest);

  const theirs = `docker://${registry.host}/theirs:v1`;
  await skopeo("copy", "-q", "--all", "--dest-tls-verify=false", copied, theirs);
  const back = `oci:${room.path("back")}:v1`;
  const result = await room.sync(theirs, back, { allPlatforms: true });
  assertEquals(result.digest, image.digest);
  const inspected = JSON.parse(await skopeo("inspect", "--override-arch=arm64", back));
  assertEquals([inspected.Architecture, inspected.Layers], ["arm64", [sha256(armLayer)]]);
});

realTest(
  "syncImage() keeps a manifest of Docker's as it is, and says who does not read it in a layout",
  [
    "docker-registry",
    "skopeo",
  ],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = await startRegistry();
    await writeRunnableImage(room.path("from"), "v1", [{ name: "file", bytes: layers[1]! }]);
    const theirs = `docker://${registry.host}/theirs:v1`;
    const from = `oci:${room.path("from")}:v1`;
    await skopeo("copy", "-q", "--dest-tls-verify=false", "--format=v2s2", from, theirs);
    const raw = await skopeo("inspect", "--raw", "--tls-verify=false", theirs);
    const kept = `oci:${room.path("kept")}:v1`;
    const { digest, mediaType } = await room.sync(theirs, kept);
    assertEquals([digest, mediaType], [sha256(raw), MediaType.dockerManifest]);
    const remarks = () => room.notes.filter((note) => note.startsWith(`${kept} gets a manifest`));
    assertEquals(remarks().length, 2, "the dry run and the run say it");
    await room.sync(theirs, kept);
    assertEquals(remarks().length, 2, "what is unchanged is no news");
    const { code } = await runProcess("skopeo", { args: ["inspect", kept] });
    assertEquals(code === 0, false);
    const ours = `docker://${registry.host}/ours:v1`;
    assertEquals((await room.sync(kept, ours)).digest, digest);
    assertEquals(sha256(await skopeo("inspect", "--raw", "--tls-verify=false", ours)), digest);
  },
);

realTest("syncImage() writes a layout that umoci reads", ["umoci"], async () => {
  await using room = await ImageRoom.make();
  await writeImage(room.path("from"), "v1", amd64);
  await room.sync(`oci:${room.path("from")}:v1`, `oci:${room.path("to")}:v2`);
  const { code, stdout } = await runProcess("umoci", {
    args: ["ls", "--layout", room.path("to")],
  });
  assertEquals([code, stdout], [0, "v2\n"]);
});

realTest(
  "syncImage() leaves in a layout what skopeo and umoci brought there, with and without a name",
  [
    "skopeo",
    "umoci",
  ],
  async () => {
    await using room = await ImageRoom.make();
    const shared = room.path("shared");
    const from = new Map<string, Digest>();
    for (const [at, name] of ["one", "two", "three", "four"].entries()) {
      const { root } = await writeRunnableImage(room.path(name), "v1", [
        { name: "file", bytes: randomBytes(10_000, at) },
      ]);
      from.set(name, root.digest);
    }
    await skopeo("copy", "-q", `oci:${room.path("one")}:v1`, `oci:${shared}`);
    await room.sync(`oci:${room.path("two")}:v1`, `oci:${shared}`);
    await skopeo("copy", "-q", `oci:${room.path("three")}:v1`, `oci:${shared}:three`);
    const tagged = await runProcess("umoci", {
      args: ["tag", "--image", `${shared}:three`, "tagged"],
    });
    assertEquals(tagged.code, 0, tagged.stderr);
    await room.sync(`oci:${room.path("four")}:v1`, `oci:${shared}`);
    const entries = await new Layout(shared).entries();
    const [one, three, four] = ["one", "three", "four"].map((name) => from.get(name));
    assertEquals(entries.map((entry) => [nameOf(entry), entry.digest]), [
      [undefined, one],
      ["three", three],
      ["tagged", three],
      [undefined, four],
    ]);
    assertEquals((await room.sync(`oci:${shared}`, `oci:${room.path("back")}:v1`)).digest, four);
    await collectImages({ layout: `oci:${shared}`, graceMs: 0 }, room.context);
    for (const { digest } of entries) {
      await room.sync(`oci:${shared}@${digest}`, `oci:${room.path("all")}:${digest.slice(7)}`);
    }
    assertEquals(sha256(await skopeo("inspect", "--raw", `oci:${shared}:tagged`)), three);
  },
);

realTest("syncImage() writes into a layout that umoci made and left empty", ["umoci"], async () => {
  await using room = await ImageRoom.make();
  const made = await runProcess("umoci", { args: ["init", "--layout", room.path("to")] });
  assertEquals(made.code, 0, made.stderr);
  await writeImage(room.path("from"), "v1", amd64);
  await room.sync(`oci:${room.path("from")}:v1`, `oci:${room.path("to")}:v1`);
  const { stdout } = await runProcess("umoci", { args: ["ls", "--layout", room.path("to")] });
  assertEquals(stdout, "v1\n");
});
