import { type Digest, sha256 } from "../base/digest.ts";
import { KedgeError } from "../base/errors.ts";
import { freeMemory } from "../base/free_memory.ts";
import type { BuiltPack } from "../chunk/build_pack.ts";
import type { ChunkTable, DiskChunks, DiskIndex } from "../chunk/chunk_table.ts";
import { setDigest } from "../chunk/digest_column.ts";
import { type DiskBlob, DiskType, encodeDiskManifest } from "../chunk/disk_manifest.ts";
import { encodeIndex } from "../chunk/encode_index.ts";
import { indexLimits } from "../chunk/index_layout.ts";
import { orderIndex } from "../chunk/order_index.ts";
import type { PackChunks } from "../chunk/plan_packs.ts";
import { largestManifestBytes } from "../oci/manifest.ts";
import type { KnownChunks } from "./known_chunks.ts";

/** What a push puts beside the packs. */
export interface PushIndex {
  /** The index. */
  readonly index: DiskIndex;
  /** Its bytes. */
  readonly indexBytes: Uint8Array<ArrayBuffer>;
  /** Its blob. */
  readonly indexBlob: DiskBlob;
  /** The manifest. */
  readonly manifest: Uint8Array<ArrayBuffer>;
  /** The manifest's digest. */
  readonly manifestDigest: Digest;
}

/** What an index is made of. */
export interface PushIndexParts {
  /** The file's table. */
  table: ChunkTable;
  /** Chunks that lie in packs of bases. */
  known: KnownChunks;
  /** The bases. */
  bases: readonly { readonly image: { readonly index: DiskChunks } }[];
  /** New packs, in their order. */
  packs: readonly { readonly chunks: PackChunks; readonly built: BuiltPack }[];
}

/**
 * The index and the manifest of a push; the same parts give the same bytes.
 *
 * @throws {KedgeError} if there are more packs than a manifest can list
 */
export function makePushIndex(parts: PushIndexParts): PushIndex {
  const { table, known, bases, packs } = parts;
  const count = table.lengths.length;
  const starts = [0];
  for (const { image } of bases) starts.push(starts.at(-1)! + image.index.packSizes.length);
  const total = starts.at(-1)! + packs.length;
  const places = {
    packDigests: new Uint8Array(32 * total),
    packSizes: new Uint32Array(total),
    packs: new Uint32Array(count),
    offsets: new Uint32Array(count),
    stored: new Uint32Array(count),
  };
  bases.forEach(({ image: { index } }, number) => {
    places.packDigests.set(index.packDigests, starts[number]! * 32);
    places.packSizes.set(index.packSizes, starts[number]!);
  });
  for (let chunk = 0; chunk < count; chunk++) {
    const number = known.base[chunk]! - 1;
    if (number < 0) continue;
    const { index } = bases[number]!.image;
    const found = known.chunk[chunk]!;
    places.packs[chunk] = starts[number]! + index.packs[found]!;
    places.offsets[chunk] = index.offsets[found]!;
    places.stored[chunk] = index.stored[found]!;
  }
  packs.forEach(({ chunks, built }, at) => {
    const pack = starts.at(-1)! + at;
    setDigest(places.packDigests, pack, built.digest);
    places.packSizes[pack] = built.size;
    let offset = 0;
    chunks.forEach((chunk, i) => {
      places.packs[chunk] = pack;
      places.offsets[chunk] = offset;
      offset += places.stored[chunk] = built.stored[i]!;
    });
  });
  const merged = mergeTwins(places);
  const index = orderIndex(table, merged);
  for (const column of [places.packs, ...Object.values(merged)]) freeMemory(column);
  const indexBytes = encodeIndex(index);
  const indexBlob = {
    mediaType: DiskType.index,
    digest: sha256(indexBytes),
    size: indexBytes.length,
  };
  const manifest = encodeDiskManifest(index, indexBlob);
  if (manifest.length > largestManifestBytes || index.packSizes.length > indexLimits.packs) {
    throw new KedgeError(
      `Cannot list ${index.packSizes.length} packs in a manifest: it would have ` +
        `${manifest.length} bytes`,
      { hint: "push once with --repack" },
    );
  }
  return { index, indexBytes, indexBlob, manifest, manifestDigest: sha256(manifest) };
}

/** Bases of one repository may name the same pack; it is listed once. */
function mergeTwins<
  P extends {
    packDigests: Uint8Array<ArrayBuffer>;
    packs: Uint32Array<ArrayBuffer>;
    packSizes: Uint32Array<ArrayBuffer>;
  },
>(
  places: P,
): P {
  const first = new Map<string, number>();
  const merged = Uint32Array.from(places.packSizes, (_, pack) => {
    const key = places.packDigests.subarray(pack * 32, pack * 32 + 32).join();
    const known = first.get(key);
    if (known === undefined) first.set(key, pack);
    return known ?? pack;
  });
  return { ...places, packs: places.packs.map((pack) => merged[pack]!) };
}
