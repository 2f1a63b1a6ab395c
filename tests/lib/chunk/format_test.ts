/** FORMAT.md is enough: a reader and a writer made from that page alone, which share no code with the library. @module */
import { assert, assertEquals } from "@std/assert";
import { equals } from "@std/bytes";
import { createHash } from "node:crypto";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { join, noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const words = (bytes: Uint8Array) => new Uint32Array(Uint8Array.from(bytes).buffer);
const unpack = (frame: Uint8Array) => Uint8Array.from(zstdDecompressSync(frame));
const json = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
const text = (value: string) => new TextEncoder().encode(value);
const type = (name: string) => `application/vnd.kedge.disk.${name}v1`;
const ociManifest = "application/vnd.oci.image.manifest.v1+json";

/** The file of an image in a layout. */
function read(layout: string): Uint8Array {
  const blob = ({ digest, size }: { digest: string; size: number }) => {
    const bytes = Deno.readFileSync(`${layout}/blobs/${digest.replace(":", "/")}`);
    assertEquals([`sha256:${sha256(bytes)}`, bytes.length], [digest, size]);
    return bytes;
  };
  const manifest = json(blob(json(Deno.readFileSync(`${layout}/index.json`)).manifests[0]));
  assertEquals(manifest.artifactType, type(""));
  const [indexBlob, ...packBlobs] = manifest.layers;
  const index = blob(indexBlob);
  const view = new DataView(index.buffer);
  assertEquals(new TextDecoder().decode(index.subarray(0, 8)), "KDGINDEX");
  assertEquals([view.getUint16(8, true), index[11]], [1, 0]);
  const size = Number(view.getBigUint64(24, true));
  const [packCount, chunkCount, rowCount, holeCount] = words(index.subarray(32, 48)) as unknown as [
    number,
    number,
    number,
    number,
  ];
  assertEquals(packBlobs.length, packCount);

  const chunks: Uint8Array[] = [];
  let page = 64 + 52 * packCount;
  for (let at = 0; at < packCount; at++) {
    const entry = index.subarray(64 + 52 * at, 64 + 52 * (at + 1));
    const [packSize, count, pageLength] = words(entry.subarray(32, 44)) as unknown as [
      number,
      number,
      number,
    ];
    const pack = blob(packBlobs[at]);
    assertEquals([sha256(pack), pack.length], [entry.subarray(0, 32).toHex(), packSize]);
    const stored = index.subarray(page, page += pageLength);
    assertEquals(sha256(stored).slice(0, 16), entry.subarray(44, 52).toHex());
    const columns = unpack(stored);
    assertEquals(columns.length, 44 * count);
    const [lengths, takes, gaps] = [0, 1, 2].map((column) =>
      words(columns.subarray((32 + 4 * column) * count, (36 + 4 * column) * count))
    ) as [Uint32Array, Uint32Array, Uint32Array];
    let offset = 0;
    for (let chunk = 0; chunk < count; chunk++) {
      offset += gaps[chunk]!;
      const part = pack.subarray(offset, offset += takes[chunk]!);
      const plain = part.length === lengths[chunk] ? part : unpack(part);
      assertEquals(plain.length, lengths[chunk]);
      assertEquals(sha256(plain), columns.subarray(32 * chunk, 32 * chunk + 32).toHex());
      chunks.push(plain);
    }
  }
  assertEquals([chunks.length, index.length - page], [chunkCount, view.getUint32(48, true)]);

  const tail = unpack(index.subarray(page));
  assertEquals(tail.length, 4 * rowCount + 8 * holeCount);
  const holes = new BigUint64Array(tail.slice(4 * rowCount).buffer);
  const file = new Uint8Array(size);
  let [at, previous, hole] = [0, -1, 0];
  for (const row of words(tail.subarray(0, 4 * rowCount))) {
    if (row === 0) {
      at += Number(holes[hole++]);
      continue;
    }
    const zigzag = row - 1;
    previous += 1 + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2);
    file.set(chunks[previous]!, at);
    at += chunks[previous]!.length;
  }
  assertEquals([at, hole], [size, holeCount]);
  return file;
}

/** Puts a file into a layout as one pack of fixed blocks of 4 KiB, each stored as it is, where it repeats none. */
function write(layout: string, file: Uint8Array): void {
  const descriptor = (mediaType: string, bytes: Uint8Array) => {
    Deno.writeFileSync(`${layout}/blobs/sha256/${sha256(bytes)}`, bytes);
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  };
  Deno.mkdirSync(`${layout}/blobs/sha256`, { recursive: true });
  const [blocks, rows, holes]: [Uint8Array[], number[], bigint[]] = [[], [], []];
  let [previous, inHole] = [-1, false];
  for (let at = 0; at < file.length; at += 4096) {
    const block = file.subarray(at, at + 4096);
    if (block.every((byte) => byte === 0)) {
      if (inHole) holes[holes.length - 1]! += BigInt(block.length);
      else rows.push(0) && holes.push(BigInt(block.length));
      inHole = true;
      continue;
    }
    inHole = false;
    let chunk = blocks.findIndex((known) => sha256(known) === sha256(block));
    if (chunk < 0) chunk = blocks.push(block) - 1;
    const step = chunk - previous - 1;
    rows.push(1 + (step < 0 ? -2 * step - 1 : 2 * step));
    previous = chunk;
  }
  const pack = join(...blocks);
  const lengths = new Uint8Array(Uint32Array.from(blocks, ({ length }) => length).buffer);
  const digests = blocks.map((block) => Uint8Array.fromHex(sha256(block)));
  const page = zstdCompressSync(
    join(...digests, lengths, lengths, new Uint8Array(4 * blocks.length)),
  );
  const tail = zstdCompressSync(
    join(
      new Uint8Array(Uint32Array.from(rows).buffer),
      new Uint8Array(BigUint64Array.from(holes).buffer),
    ),
  );
  const numbers = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
  const head = join(
    text("KDGINDEX"),
    Uint8Array.of(1, 0, 1, 0),
    numbers(4096, 4096, 4096, file.length, 0, 1, blocks.length, rows.length, holes.length),
    numbers(tail.length, 0, 0, 0),
    Uint8Array.fromHex(sha256(pack)),
    numbers(pack.length, blocks.length, page.length),
    Uint8Array.fromHex(sha256(page)).subarray(0, 8),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: ociManifest,
    artifactType: type(""),
    config: descriptor("application/vnd.oci.empty.v1+json", text("{}")),
    layers: [
      descriptor(type("index."), join(head, page, tail)),
      descriptor(type("pack."), pack),
    ],
  };
  const pointer = {
    ...descriptor(ociManifest, text(JSON.stringify(manifest))),
    annotations: { "org.opencontainers.image.ref.name": "1" },
  };
  const list = { schemaVersion: 2, manifests: [pointer] };
  Deno.writeTextFileSync(`${layout}/index.json`, JSON.stringify(list));
  Deno.writeTextFileSync(`${layout}/oci-layout`, `{"imageLayoutVersion":"1.0.0"}`);
}

const sample = join(
  noise(200_000),
  new Uint8Array(150_000),
  text("text that packs well\n".repeat(9000)),
  noise(200_000),
  new Uint8Array(50_000),
);

for (const chunker of ["fixed", "cdc"] as const) {
  Deno.test(`a reader made from FORMAT.md reads a push in ${chunker} chunks, and one that names older packs`, async () => {
    await using world = await DiskWorld.make();
    const options = { reference: `oci:${world.path("layout")}:1`, chunker, chunkBytes: 16_384 };
    for (const at of [undefined, 100_000, 400_000]) {
      if (at !== undefined) sample.set(noise(20_000, at), at);
      await pushDisk({ ...options, file: await world.write("disk", sample) }, world.machine());
      const file = read(world.path("layout"));
      assertEquals(file.length, sample.length);
      assert(equals(file, sample));
    }
  });
}

Deno.test("pullDisk() reads what a writer made from FORMAT.md wrote", async () => {
  await using world = await DiskWorld.make();
  write(world.path("layout"), sample);
  await pullDisk(
    { reference: `oci:${world.path("layout")}:1`, file: world.path("out") },
    world.machine(),
  );
  await world.holds("out", sample);
});
