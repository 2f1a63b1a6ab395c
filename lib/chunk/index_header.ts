import { formatBytes } from "../base/bytes.ts";
import { counted } from "../base/counted.ts";
import { checkIndex, refuseIndex } from "./check_index.ts";
import { type Chunker, chunkLimits } from "./chunker.ts";
import {
  flagLocal,
  headerBytes,
  type IndexCounts,
  indexLimits,
  indexMagic,
  indexVersion,
} from "./index_layout.ts";

/** What the header of an index says. */
export interface IndexHeader {
  /** How the file was cut. */
  readonly chunker: Chunker;
  /** The size of the file in bytes. */
  readonly size: number;
  /** How many of each thing follow. */
  readonly counts: IndexCounts;
  /** The length of the tail as it is stored, in bytes. */
  readonly tailLength: number;
}

/**
 * The header at the start of an index; of a local table where `local` says so. Its counts keep to the limits.
 *
 * @throws {VerificationError} if there is none, or it contradicts itself
 */
export function readIndexHeader(bytes: Uint8Array, local: boolean): IndexHeader {
  checkIndex(bytes.length >= headerBytes, `it is only ${counted(bytes.length, "byte")} long`);
  checkIndex(bytes.length <= indexLimits.storedBytes, `it is ${bytes.length} bytes long`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < 8; i++) {
    checkIndex(
      bytes[i] === indexMagic.charCodeAt(i),
      "it does not begin with the magic of an index",
    );
  }
  const version = view.getUint16(8, true);
  if (version !== indexVersion) {
    const hint = version > indexVersion ? "a newer kedge made it, and reads it" : undefined;
    refuseIndex(`its version is ${version}, and only ${indexVersion} is known`, hint);
  }
  const kind = view.getUint8(10);
  checkIndex(kind === 1 || kind === 2, `its chunker is ${kind}`);
  const flags = view.getUint8(11);
  checkIndex(flags === (local ? flagLocal : 0), `its flags are ${flags}`);
  const [minBytes, avgBytes, maxBytes] = [12, 16, 20].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  const fixed = kind === 1;
  checkIndex(
    minBytes >= chunkLimits.min && minBytes <= avgBytes && avgBytes <= maxBytes &&
      maxBytes <= chunkLimits.max && (!fixed || minBytes === maxBytes) &&
      Number.isInteger(Math.log2(avgBytes)) && (fixed || avgBytes >= 4096),
    `its chunk lengths are ${minBytes}, ${avgBytes}, ${maxBytes}`,
  );
  const size = Number(view.getBigUint64(24, true));
  checkIndex(
    size <= indexLimits.size,
    `its file has ${size} bytes, more than ${formatBytes(indexLimits.size)}`,
  );
  const [packs, chunks, rows, holes] = [32, 36, 40, 44].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  checkIndex(
    packs <= indexLimits.packs && packs <= chunks && (!local || packs === 0),
    `it has ${counted(packs, "pack")} for ${counted(chunks, "chunk")}`,
  );
  checkIndex(
    chunks <= indexLimits.chunks && chunks <= rows,
    `it has ${counted(chunks, "chunk")} in ${counted(rows, "row")}`,
  );
  checkIndex(
    rows <= indexLimits.rows && holes <= rows,
    `it has ${counted(rows, "row")}, ${holes} of them holes`,
  );
  for (let at = 52; at < headerBytes; at++) {
    checkIndex(bytes[at] === 0, "its reserved bytes are set");
  }
  return {
    chunker: { kind: fixed ? "fixed" : "cdc", minBytes, avgBytes, maxBytes },
    size,
    counts: { packs, chunks, rows, holes, local },
    tailLength: view.getUint32(48, true),
  };
}
