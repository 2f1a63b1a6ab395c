/**
 * Reads an index that a stranger may have written.
 *
 * Invariants of what comes back: the rows fill the file from byte 0 to its size without gap or overlap; every row names a chunk
 * that is there and every chunk has a row; every chunk lies wholly inside its pack and overlaps no other; no digest is there twice;
 * lengths keep to the chunker. Nothing is allocated before the counts were held against the limits.
 *
 * @module
 */
import { VerificationError } from "../base/errors.ts";
import { type Chunker, chunkLimits } from "./chunker.ts";
import { type ChunkTable, type DiskIndex, holeRow } from "./chunk_table.ts";
import { digestAt } from "./digest_column.ts";
import { DigestLookup } from "./digest_lookup.ts";
import { pageId } from "./encode_index.ts";
import {
  entryBytes,
  flagLocal,
  headerBytes,
  type IndexCounts,
  indexLimits,
  indexMagic,
  indexVersion,
  pageBytes,
  pageIdBytes,
  tailBytes,
} from "./index_layout.ts";
import { freeBytes, zstdDecompress } from "./zstd.ts";

/**
 * The index that bytes hold.
 *
 * @throws {VerificationError} if they hold none, or one that contradicts itself
 */
export function decodeIndex(bytes: Uint8Array): DiskIndex {
  const table = decode(bytes, false);
  return table as DiskIndex;
}

/**
 * The local table that bytes hold, one without packs.
 *
 * @throws {VerificationError} if they hold none, or one that contradicts itself
 */
export function decodeLocalTable(bytes: Uint8Array): ChunkTable {
  return decode(bytes, true);
}

function decode(bytes: Uint8Array, local: boolean): ChunkTable | DiskIndex {
  const { chunker, size, counts, tailLength } = readHeader(bytes, local);
  const directory = readDirectory(bytes, counts);
  const { packSizes, packDigests, perPack } = directory;
  const tailStart = directory.pageStarts.at(-1)!;
  check(
    tailStart + tailLength === bytes.length,
    `it has ${bytes.length} bytes instead of ${tailStart + tailLength}`,
  );
  const tail = new ColumnReader(
    zstdDecompress(bytes.subarray(tailStart), tailBytes(counts), "the chunk index"),
  );
  const columns = local ? readLocal(tail, counts.chunks) : readPages(bytes, directory, counts);
  const { digests, lengths } = columns;
  const codes = tail.words(counts.rows);
  const { rows, rowOffsets } = readRows(codes, tail, { chunker, size, counts, lengths });
  refuseTwice(digests, counts.chunks, "chunk");
  const table: ChunkTable = { chunker, size, digests, lengths, rows, rowOffsets };
  if (local) return table;
  refuseTwice(packDigests, counts.packs, "pack");
  const { stored, gaps } = columns;
  const places = readPlaces({ packSizes, perPack, lengths, stored, gaps });
  return { ...table, packDigests, packSizes, stored, ...places };
}

interface Columns {
  digests: Uint8Array<ArrayBuffer>;
  lengths: Uint32Array<ArrayBuffer>;
  stored: Uint32Array<ArrayBuffer>;
  gaps: Uint32Array<ArrayBuffer>;
}

function readLocal(tail: ColumnReader, chunks: number): Columns {
  const none = new Uint32Array(0);
  return {
    digests: tail.bytes(chunks * 32),
    lengths: tail.words(chunks),
    stored: none,
    gaps: none,
  };
}

function readPages(bytes: Uint8Array, directory: IndexDirectory, counts: IndexCounts): Columns {
  const { chunks } = counts;
  const columns: Columns = {
    digests: new Uint8Array(chunks * 32),
    lengths: new Uint32Array(chunks),
    stored: new Uint32Array(chunks),
    gaps: new Uint32Array(chunks),
  };
  let first = 0;
  for (let pack = 0; pack < counts.packs; pack++) {
    const count = directory.perPack[pack]!;
    const page = bytes.subarray(directory.pageStarts[pack]!, directory.pageStarts[pack + 1]!);
    const id = pageId(page);
    check(
      id.every((byte, i) => byte === directory.pageIds[pack * pageIdBytes + i]),
      `page ${pack} is not the one of the directory`,
    );
    const body = zstdDecompress(page, pageBytes(count), "a page of the chunk index");
    const reader = new ColumnReader(body);
    columns.digests.set(reader.bytes(count * 32), first * 32);
    columns.lengths.set(reader.words(count), first);
    columns.stored.set(reader.words(count), first);
    columns.gaps.set(reader.words(count), first);
    freeBytes(body);
    first += count;
  }
  return columns;
}

/** What the start of an index says of its packs and of the pages that follow. */
export interface IndexDirectory {
  /** Sha256 of each pack, 32 bytes each. */
  readonly packDigests: Uint8Array<ArrayBuffer>;
  /** The size of each pack in bytes. */
  readonly packSizes: Uint32Array<ArrayBuffer>;
  /** How many chunks lie in each pack. */
  readonly perPack: Uint32Array<ArrayBuffer>;
  /** What tells each page from others, 8 bytes each. */
  readonly pageIds: Uint8Array<ArrayBuffer>;
  /** Where each page begins in the index, and at last where the tail does. */
  readonly pageStarts: Float64Array<ArrayBuffer>;
}

/** How many bytes of an index of so many packs hold its header and directory. */
export function directoryBytes(packs: number): number {
  return headerBytes + packs * entryBytes;
}

/**
 * The directory at the start of an index, of which no more than that must be there.
 *
 * @throws {VerificationError} if there is none, or it contradicts itself
 */
export function decodeDirectory(bytes: Uint8Array): IndexDirectory {
  return readDirectory(bytes, readHeader(bytes, false).counts);
}

function readDirectory(bytes: Uint8Array, { packs, chunks, local }: IndexCounts): IndexDirectory {
  check(bytes.length >= directoryBytes(packs), `it is only ${bytes.length} bytes long`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = {
    packDigests: new Uint8Array(packs * 32),
    packSizes: new Uint32Array(packs),
    perPack: new Uint32Array(packs),
    pageIds: new Uint8Array(packs * pageIdBytes),
    pageStarts: new Float64Array(packs + 1),
  };
  let start = directoryBytes(packs);
  let total = 0;
  for (let pack = 0; pack < packs; pack++) {
    const at = headerBytes + pack * entryBytes;
    directory.packDigests.set(bytes.subarray(at, at + 32), pack * 32);
    directory.packSizes[pack] = view.getUint32(at + 32, true);
    directory.perPack[pack] = view.getUint32(at + 36, true);
    directory.pageIds.set(bytes.subarray(at + 44, at + entryBytes), pack * pageIdBytes);
    directory.pageStarts[pack] = start;
    start += view.getUint32(at + 40, true);
    total += directory.perPack[pack]!;
    check(
      directory.perPack[pack]! > 0 && total <= chunks,
      `pack ${pack} has too many or no chunks`,
    );
    check(start <= indexLimits.storedBytes, `page ${pack} ends at byte ${start}`);
  }
  directory.pageStarts[packs] = start;
  check(local || total === chunks, `${chunks - total} chunks lie in no pack`);
  return directory;
}

function readHeader(
  bytes: Uint8Array,
  local: boolean,
): { chunker: Chunker; size: number; counts: IndexCounts; tailLength: number } {
  check(bytes.length >= headerBytes, `it is only ${bytes.length} bytes long`);
  check(bytes.length <= indexLimits.storedBytes, `it is ${bytes.length} bytes long`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < 8; i++) {
    check(bytes[i] === indexMagic.charCodeAt(i), "it does not begin with the magic of an index");
  }
  const version = view.getUint16(8, true);
  check(version === indexVersion, `its version is ${version}, and only ${indexVersion} is known`);
  const kind = view.getUint8(10);
  check(kind === 1 || kind === 2, `its chunker is ${kind}`);
  const flags = view.getUint8(11);
  check(flags === (local ? flagLocal : 0), `its flags are ${flags}`);
  const [minBytes, avgBytes, maxBytes] = [12, 16, 20].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  const fixed = kind === 1;
  check(
    minBytes >= chunkLimits.min && minBytes <= avgBytes && avgBytes <= maxBytes &&
      maxBytes <= chunkLimits.max && (!fixed || minBytes === maxBytes) &&
      Number.isInteger(Math.log2(avgBytes)) && (fixed || avgBytes >= 4096),
    `its chunk lengths are ${minBytes}, ${avgBytes}, ${maxBytes}`,
  );
  const size = Number(view.getBigUint64(24, true));
  check(size <= indexLimits.size, `its file has ${size} bytes`);
  const [packs, chunks, rows, holes] = [32, 36, 40, 44].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  check(packs <= indexLimits.packs && packs <= chunks && (!local || packs === 0), `${packs} packs`);
  check(chunks <= indexLimits.chunks && chunks <= rows, `${chunks} chunks`);
  check(rows <= indexLimits.rows && holes <= rows, `${rows} rows, ${holes} of them holes`);
  for (let at = 52; at < headerBytes; at++) check(bytes[at] === 0, "its reserved bytes are set");
  return {
    chunker: { kind: fixed ? "fixed" : "cdc", minBytes, avgBytes, maxBytes },
    size,
    counts: { packs, chunks, rows, holes, local },
    tailLength: view.getUint32(48, true),
  };
}

function readRows(
  codes: Uint32Array,
  reader: ColumnReader,
  of: { chunker: Chunker; size: number; counts: IndexCounts; lengths: Uint32Array },
): { rows: Uint32Array<ArrayBuffer>; rowOffsets: Float64Array<ArrayBuffer> } {
  const { chunker, size, counts, lengths } = of;
  const rows = new Uint32Array(codes.length);
  const rowOffsets = new Float64Array(codes.length + 1);
  const fixed = chunker.kind === "fixed";
  const used = new Uint8Array(counts.chunks);
  let [offset, previous, holes, different] = [0, -1, 0, 0];
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row]!;
    let length: number;
    if (code === 0) {
      check(row === 0 || rows[row - 1] !== holeRow, `hole follows hole at byte ${offset}`);
      check(++holes <= counts.holes, "more holes than announced");
      length = reader.wide();
      check(length > 0 && length <= size, `a hole of ${length} bytes at byte ${offset}`);
      rows[row] = holeRow;
    } else {
      const zigzag = code - 1;
      const chunk = previous + 1 + ((zigzag >>> 1) ^ -(zigzag & 1));
      check(chunk >= 0 && chunk < counts.chunks, `row ${row} names chunk ${chunk}`);
      length = lengths[chunk]!;
      check(length > 0 && length <= chunker.maxBytes, `chunk ${chunk} has ${length} bytes`);
      if (used[chunk] === 0) {
        used[chunk] = 1;
        different++;
      }
      rows[row] = previous = chunk;
    }
    const end = offset + length;
    check(end <= size, `row ${row} ends at byte ${end} of ${size}`);
    check(!fixed || end % chunker.maxBytes === 0 || end === size, `row ${row} ends off the grid`);
    check(
      !fixed || code === 0 || length === chunker.maxBytes || end === size,
      `row ${row} has ${length} bytes`,
    );
    rowOffsets[row] = offset;
    offset = end;
  }
  rowOffsets[codes.length] = offset;
  check(offset === size, `its rows end at byte ${offset} of ${size}`);
  check(holes === counts.holes, `${holes} holes instead of ${counts.holes}`);
  check(different === counts.chunks, `${counts.chunks - different} chunks have no row`);
  return { rows, rowOffsets };
}

function readPlaces(columns: {
  packSizes: Uint32Array;
  perPack: Uint32Array;
  lengths: Uint32Array;
  stored: Uint32Array;
  gaps: Uint32Array;
}): { packs: Uint32Array<ArrayBuffer>; offsets: Uint32Array<ArrayBuffer> } {
  const { packSizes, perPack, lengths, stored, gaps } = columns;
  const count = lengths.length;
  const packs = new Uint32Array(count);
  const offsets = new Uint32Array(count);
  let chunk = 0;
  for (let pack = 0; pack < packSizes.length; pack++) {
    const size = packSizes[pack]!;
    check(size > 0 && size <= indexLimits.packBytes, `pack ${pack} has ${size} bytes`);
    const last = chunk + perPack[pack]!;
    let offset = 0;
    for (; chunk < last; chunk++) {
      offset += gaps[chunk]!;
      const length = stored[chunk]!;
      check(
        length > 0 && length <= lengths[chunk]!,
        `chunk ${chunk} of ${lengths[chunk]} bytes takes ${length}`,
      );
      check(offset + length <= size, `chunk ${chunk} ends outside its pack of ${size} bytes`);
      packs[chunk] = pack;
      offsets[chunk] = offset;
      offset += length;
    }
  }
  return { packs, offsets };
}

function refuseTwice(column: Uint8Array, count: number, what: string): void {
  const lookup = new DigestLookup(column, count);
  if (lookup.count === count) return;
  const seen = new DigestLookup(column);
  for (let at = 0; at < count; at++) {
    check(seen.add(at) < 0, `${what} ${digestAt(column, at)} is there twice`);
  }
}

function check(holds: boolean, state: string): asserts holds {
  if (!holds) throw new VerificationError(`Cannot read the chunk index: ${state}`);
}

/** Takes columns from a body one after the other; the body's length was held against their counts. */
class ColumnReader {
  #body: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #at = 0;

  constructor(body: Uint8Array<ArrayBuffer>) {
    this.#body = body;
    this.#view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    return this.#body.slice(this.#at, this.#at += count);
  }

  words(count: number): Uint32Array<ArrayBuffer> {
    const column = new Uint32Array(count);
    for (let i = 0; i < count; i++, this.#at += 4) column[i] = this.#view.getUint32(this.#at, true);
    return column;
  }

  wide(): number {
    const value = Number(this.#view.getBigUint64(this.#at, true));
    this.#at += 8;
    return value;
  }
}
