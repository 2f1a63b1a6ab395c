/** The example and the test vectors in FORMAT.md. @module */
import { assertEquals } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { decodeIndex } from "../../../lib/chunk/decode_index.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { join, noise, scanAll } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";

const page = await Deno.readTextFile(new URL("../../../lib/chunk/FORMAT.md", import.meta.url));
const example = page.slice(page.indexOf("## 6. An example"));
const [packText = "", indexText = ""] = example.split("**The index**");
const pack = bytesIn(packText);
const index = bytesIn(indexText);
const manifest = text(JSON.stringify(JSON.parse(/```json\n([^`]*)```/.exec(example)![1]!)));
const block = new Uint8Array(4096).fill(0x41);
const file = join(block, new Uint8Array(8192), block, text("kedge\n"));

function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(value);
}

/** The bytes of all indented lines, each without its explanation. */
function bytesIn(part: string): Uint8Array<ArrayBuffer> {
  const lines = part.matchAll(/^ {4}((?:[0-9a-f]{2} ?)+)(?: {2,}.*)?$/gm);
  return Uint8Array.fromHex([...lines].map(([, hex = ""]) => hex.replaceAll(" ", "")).join(""));
}

/** Puts blobs into a layout whose tag `1` is the last of them, and gives the layout's path. */
async function layout(world: DiskWorld, ...blobs: Uint8Array<ArrayBuffer>[]): Promise<string> {
  const path = world.path("layout");
  await Deno.mkdir(`${path}/blobs/sha256`, { recursive: true });
  for (const blob of blobs) {
    await Deno.writeFile(`${path}/blobs/${sha256(blob).replace(":", "/")}`, blob);
  }
  const tagged = blobs.at(-1)!;
  await Deno.writeTextFile(`${path}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  const pointer = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: sha256(tagged),
    size: tagged.length,
    annotations: { "org.opencontainers.image.ref.name": "1" },
  };
  const list = { schemaVersion: 2, manifests: [pointer] };
  await Deno.writeTextFile(`${path}/index.json`, JSON.stringify(list));
  return path;
}

Deno.test("the example of FORMAT.md has the lengths and digests that its text says", () => {
  assertEquals([pack.length, index.length], [19, 252]);
  for (const digest of [sha256(file).slice("sha256:".length), sha256(manifest)]) {
    assertEquals(example.includes(`\`${digest}\``), true, digest);
  }
});

Deno.test("pullDisk() makes its file of the bytes in the example of FORMAT.md", async () => {
  await using world = await DiskWorld.make();
  const path = await layout(world, text("{}"), index, pack, manifest);
  const out = world.path("out");
  await pullDisk({ reference: `oci:${path}:1`, file: out }, world.machine());
  await world.holds("out", file);
});

Deno.test("pushDisk() cuts the file of the example into its chunks and rows, and names them in the same way", async () => {
  await using world = await DiskWorld.make();
  const to = world.path("pushed");
  const disk = await world.write("disk", file);
  const options = { file: disk, chunker: "fixed", chunkBytes: 4096 } as const;
  const { digest } = await pushDisk({ ...options, reference: `oci:${to}:1` }, world.machine());
  const blob = (name: string) => Deno.readFile(`${to}/blobs/${name.replace(":", "/")}`);
  const written = new TextDecoder().decode(await blob(digest!));
  const { layers } = JSON.parse(written);
  const packless = (bytes: Uint8Array) => {
    const { chunker, size, digests, lengths, rows, rowOffsets } = decodeIndex(bytes);
    return { chunker, size, digests, lengths, rows, rowOffsets };
  };
  assertEquals(packless(await blob(layers[0].digest)), packless(index));
  const told = JSON.parse(new TextDecoder().decode(manifest));
  assertEquals(written, JSON.stringify({ ...told, layers }));
});

Deno.test("pullDisk() reads the example under a manifest of another writer, of which it ignores what FORMAT.md says", async () => {
  await using world = await DiskWorld.make();
  const told = JSON.parse(new TextDecoder().decode(manifest));
  const [first, ...packs] = told.layers;
  const annotations = { "org.opencontainers.image.created": "2026-01-01T00:00:00Z" };
  const other = {
    annotations,
    config: { ...told.config, mediaType: "application/vnd.acme.config.v1+json", data: "e30=" },
    layers: [
      { ...first, annotations },
      ...packs.map((blob: object) => ({ ...blob, mediaType: "application/octet-stream" })),
    ],
    acme: 1,
  };
  const path = await layout(
    world,
    text("{}"),
    index,
    pack,
    text(JSON.stringify({ ...told, ...other }, undefined, 2)),
  );
  const out = world.path("out");
  await pullDisk({ reference: `oci:${path}:1`, file: out }, world.machine());
  await world.holds("out", file);
});

Deno.test("a Scanner cuts the second vector of FORMAT.md into the rows that its text says", () => {
  const [, digest, table = ""] = /Its digest is\s+`(\w+)`.*?((?:\n {4}[\d ]+)+)/s.exec(page) ?? [];
  const vector = noise(1 << 18, 59);
  vector.fill(0, 100_000, 104_096).fill(0, 150_000, 154_095).fill(255, 160_000, 230_000);
  assertEquals(sha256(vector), `sha256:${digest}`);
  let at = 0;
  const rows = scanAll(vector, chunkerFor("cdc", 0, 16_384));
  const ends = rows.map((row) => at = typeof row === "number" ? at - row : row[1]);
  assertEquals(ends, table.trim().split(/\s+/).map(Number));
  assertEquals(rows.findIndex((row) => typeof row === "number"), 6);
});
