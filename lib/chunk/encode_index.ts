import { type ChunkTable, holeRow, isDiskIndex } from "./chunk_table.ts";
import { bodyBytes, flagLocal, headerBytes, indexMagic, indexVersion } from "./index_layout.ts";
import { zstdCompress } from "./zstd.ts";

/**
 * The bytes of an index, as FORMAT.md lays them out. The chunks must be ordered by pack and offset, as
 * `orderIndex()` makes them. A table without packs becomes a local table, which only the own cache reads.
 */
export function encodeIndex(table: ChunkTable): Uint8Array<ArrayBuffer> {
  const index = isDiskIndex(table) ? table : undefined;
  const holes = table.rows.reduce((count, row) => row === holeRow ? count + 1 : count, 0);
  const counts = {
    packs: index?.packSizes.length ?? 0,
    chunks: table.lengths.length,
    rows: table.rows.length,
    holes,
    local: index === undefined,
  };
  const body = new Uint8Array(bodyBytes(counts));
  const view = new DataView(body.buffer);
  let at = 0;
  const words = (values: ArrayLike<number>) => {
    for (let i = 0; i < values.length; i++, at += 4) view.setUint32(at, values[i]!, true);
  };
  if (index !== undefined) {
    body.set(index.packDigests, at);
    at += index.packDigests.length;
    words(index.packSizes);
    words(chunksPerPack(index.packs, counts.packs));
  }
  body.set(table.digests, at);
  at += table.digests.length;
  words(table.lengths);
  if (index !== undefined) {
    words(index.stored);
    words(gaps(index.packs, index.offsets, index.stored));
  }
  words(rowCodes(table.rows));
  for (let row = 0; row < table.rows.length; row++) {
    if (table.rows[row] !== holeRow) continue;
    view.setBigUint64(at, BigInt(table.rowOffsets[row + 1]! - table.rowOffsets[row]!), true);
    at += 8;
  }

  const packed = zstdCompress(body);
  const bytes = new Uint8Array(headerBytes + packed.length);
  writeHeader(new DataView(bytes.buffer), table, counts);
  bytes.set(packed, headerBytes);
  return bytes;
}

function writeHeader(
  view: DataView,
  { chunker, size }: ChunkTable,
  counts: { packs: number; chunks: number; rows: number; holes: number; local: boolean },
): void {
  for (let i = 0; i < 8; i++) view.setUint8(i, indexMagic.charCodeAt(i));
  view.setUint16(8, indexVersion, true);
  view.setUint8(10, chunker.kind === "fixed" ? 1 : 2);
  view.setUint8(11, counts.local ? flagLocal : 0);
  view.setUint32(12, chunker.minBytes, true);
  view.setUint32(16, chunker.avgBytes, true);
  view.setUint32(20, chunker.maxBytes, true);
  view.setBigUint64(24, BigInt(size), true);
  view.setUint32(32, counts.packs, true);
  view.setUint32(36, counts.chunks, true);
  view.setUint32(40, counts.rows, true);
  view.setUint32(44, counts.holes, true);
}

function chunksPerPack(packs: Uint32Array, count: number): Uint32Array {
  const perPack = new Uint32Array(count);
  for (const pack of packs) perPack[pack]!++;
  return perPack;
}

function gaps(packs: Uint32Array, offsets: Uint32Array, stored: Uint32Array): Uint32Array {
  const column = new Uint32Array(packs.length);
  for (let chunk = 0; chunk < packs.length; chunk++) {
    const follows = chunk > 0 && packs[chunk - 1] === packs[chunk];
    column[chunk] = offsets[chunk]! - (follows ? offsets[chunk - 1]! + stored[chunk - 1]! : 0);
  }
  return column;
}

function rowCodes(rows: Uint32Array): Uint32Array {
  const codes = new Uint32Array(rows.length);
  let previous = -1;
  for (let row = 0; row < rows.length; row++) {
    const chunk = rows[row]!;
    if (chunk === holeRow) continue;
    const step = chunk - previous - 1;
    codes[row] = ((step << 1) ^ (step >> 31)) + 1;
    previous = chunk;
  }
  return codes;
}
