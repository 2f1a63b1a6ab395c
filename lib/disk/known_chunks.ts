/**
 * Finds the chunks of a file in packs that a push can name again.
 *
 * @module
 */
import { counted } from "../base/counted.ts";
import { freeMemory } from "../base/free_memory.ts";
import type { ChunkTable, DiskChunks } from "../chunk/chunk_table.ts";
import { DigestLookup } from "../chunk/digest_lookup.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import type { Step } from "../operation/operation.ts";
import type { DiskSource } from "./disk_store.ts";
import { type PushBase, UsablePacks } from "./usable_packs.ts";

/** Where chunks are already: the number of the base plus one, and the chunk's number there. */
export interface KnownChunks {
  /** The numbers of the bases. */
  readonly base: Uint16Array;
  /** The numbers of the chunks. */
  readonly chunk: Uint32Array;
}

/** A pack of a base that is in another repository, and has to come here. */
export interface AdoptedPack {
  /** The pack. */
  readonly pack: DiskBlob;
  /** Where it is. */
  readonly from: DiskSource;
}

/** What {@linkcode findKnown} works with. */
export interface FindKnownOptions {
  /** What the file is made of. */
  readonly table: ChunkTable;
  /** Disks whose packs can be named again. */
  readonly bases: readonly PushBase[];
  /** Where the push goes. */
  readonly store: DiskSource;
  /** Whether a registry is asked for each pack that is named again, which it may have lost. */
  readonly asks: boolean;
}

/** Finds the chunks of a file in the packs of bases; `fresh` is 1 for those that are in none. */
export async function findKnown(
  { table, bases, store, asks }: FindKnownOptions,
  step: Step,
): Promise<{ known: KnownChunks; fresh: Uint8Array; adopted: readonly AdoptedPack[] }> {
  const count = table.lengths.length;
  const fresh = new Uint8Array(count).fill(1);
  const known = { base: new Uint16Array(count), chunk: new Uint32Array(count) };
  const adopted: AdoptedPack[] = [];
  for (const [number, base] of bases.entries()) {
    const { index } = base.image;
    const places = placesIn(index, table, fresh);
    const isCurrent = number === 0 && base.store === store;
    const usable = new UsablePacks(base, { store, isCurrent, asks });
    const packs = new Set<number>();
    for (const place of places) if (place >= 0) packs.add(index.packs[place]!);
    await usable.lookAt(packs, step.signal);
    if (usable.lost > 0) {
      const lost = `"${base.store.name}" has lost ${counted(usable.lost, "pack")}`;
      step.meter.note(`${lost}; what is in none other is sent again`, "warning");
    }
    places.forEach((place, chunk) => {
      if (place < 0 || !usable.has(index.packs[place]!)) return;
      fresh[chunk] = 0;
      known.base[chunk] = number + 1;
      known.chunk[chunk] = place;
    });
    freeMemory(places);
    step.signal.throwIfAborted();
    for (const each of usable.toAdopt()) {
      // A registry tells when it is asked to mount the pack.
      if (store.requestsPerRead > 0 || !await store.has(each.pack)) adopted.push(each);
    }
  }
  return { known, fresh, adopted };
}

/** For each chunk that is in no pack yet the number that it has in an index, or -1. */
function placesIn(
  index: DiskChunks,
  table: ChunkTable,
  fresh: Uint8Array,
): Int32Array<ArrayBuffer> {
  using lookup = new DigestLookup(index.digests, index.lengths.length);
  // Without `from()`, which makes a list of all values first.
  const places = new Int32Array(fresh.length).fill(-1);
  fresh.forEach((isFresh, chunk) => {
    const place = isFresh === 0 ? -1 : lookup.find(table.digests, chunk);
    if (place >= 0 && index.lengths[place] === table.lengths[chunk]) places[chunk] = place;
  });
  return places;
}
