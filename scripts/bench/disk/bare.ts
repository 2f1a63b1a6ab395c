/** The least that the machine can do the work in: loops of system calls without anything around them. @module */
import { createHash } from "node:crypto";
import { type DiskIndex, holeRow } from "../../../lib/chunk/chunk_table.ts";
import { decodeIndex } from "../../../lib/chunk/decode_index.ts";
import type { BarePack } from "./bare_worker.ts";

/** Seconds that reading a file and hashing it in blocks of 64 KiB takes, on one core. */
export function bareHash(path: string): Promise<number> {
  const started = performance.now();
  using file = Deno.openSync(path);
  const buffer = new Uint8Array(8 * 2 ** 20);
  for (let count = file.readSync(buffer); count !== null; count = file.readSync(buffer)) {
    for (let at = 0; at < count; at += 65_536) {
      createHash("sha256").update(buffer.subarray(at, Math.min(count, at + 65_536))).digest();
    }
  }
  return Promise.resolve((performance.now() - started) / 1000);
}

/** The index of the disk of a layout, and the files of its packs. */
export async function readLayout(layout: string): Promise<{ index: DiskIndex; paths: string[] }> {
  const blob = (digest: string) => `${layout}/blobs/sha256/${digest.slice("sha256:".length)}`;
  const json = async (path: string) => JSON.parse(await Deno.readTextFile(path));
  const { manifests } = await json(`${layout}/index.json`);
  const { layers } = await json(blob(manifests[0].digest));
  const [index, ...paths] = layers.map(({ digest }: { digest: string }) => blob(digest));
  return { index: decodeIndex(await Deno.readFile(index)), paths };
}

/** Seconds that two workers take to unpack, verify and write the disk of a layout, its index already read, and to sync it. */
export async function bareUnpack(layout: string, to: string): Promise<number> {
  const { index, paths } = await readLayout(layout);
  const places = new Float64Array(index.lengths.length);
  index.rows.forEach((chunk, row) => {
    if (chunk !== holeRow) places[chunk] = index.rowOffsets[row]!;
  });
  const packs: BarePack[] = [];
  for (let pack = 0, first = 0; pack < index.packSizes.length; pack++) {
    let end = first;
    while (end < index.packs.length && index.packs[end] === pack) end++;
    packs.push({
      path: paths[pack]!,
      to,
      offsets: index.offsets.slice(first, end),
      stored: index.stored.slice(first, end),
      lengths: index.lengths.slice(first, end),
      digests: index.digests.slice(first * 32, end * 32),
      places: places.slice(first, end),
    });
    first = end;
  }
  await Deno.writeFile(to, new Uint8Array(0));
  await Deno.truncate(to, index.size);
  const started = performance.now();
  await Promise.all(Array.from({ length: 2 }, () => unpackAll(packs)));
  using file = await Deno.open(to, { write: true });
  await file.syncData();
  return (performance.now() - started) / 1000;
}

async function unpackAll(packs: BarePack[]): Promise<void> {
  const worker = new Worker(new URL("./bare_worker.ts", import.meta.url), { type: "module" });
  try {
    for (let pack = packs.shift(); pack !== undefined; pack = packs.shift()) {
      await new Promise((resolve, reject) => {
        worker.onmessage = resolve;
        worker.onerror = reject;
        worker.postMessage(pack);
      });
    }
  } finally {
    worker.terminate();
  }
}
