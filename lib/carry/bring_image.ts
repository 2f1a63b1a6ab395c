import { checkFreeBytes } from "../base/disk_space.ts";
import type { Digest } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import type { CarriedImage } from "../nix/folder/carried_images.ts";
import { makeFolders } from "../nix/folder/make_folders.ts";
import { type NixFolder, nixStoreDir } from "../nix/folder/nix_folder.ts";
import type { NixLink } from "../nix/folder/nix_links.ts";
import type { StoreRow } from "../nix/folder/store_row.ts";
import { type StoreDifference, storeDifference } from "../nix/folder/store_difference.ts";
import { StoreStage } from "../nix/folder/store_stage.ts";
import type { Step } from "../operation/operation.ts";
import type { ImageStore } from "./database_files.ts";
import type { StoreSource, Unpacked } from "./store_source.ts";
import { StoreUnpacker } from "./store_unpacker.ts";

const worthThreadsBytes = 16 * 1024 * 1024;
const mostThreads = 4;
/** Files that paths are linked to have no more bytes than the paths, and as much again of paths that are gone. */
const linksShare = 2;

/** An image whose database was read. */
export interface SurveyedImage extends ImageStore {
  /** Where it is read. */
  source: StoreSource;
  /** Reads its database anew. */
  survey: () => Promise<ImageStore>;
}

/** What is noted of an image. */
export interface BroughtImage {
  /** The digest of its manifest. */
  manifestDigest: Digest;
  /** The version of the Nix in it. */
  nixVersion: string;
  /** The platform that it is for. */
  platform: string;
}

/** What was brought, and is not valid yet. */
export interface Carried {
  folder: NixFolder;
  /** The note to be written. */
  note: CarriedImage;
  /** Rows that become valid. */
  rows: readonly StoreRow[];
  /** Rows that are valid already. */
  present: readonly StoreRow[];
  valid: ReadonlyMap<string, StoreRow>;
  pathsMoved: number;
  layerBytes: number;
}

/** What is to be brought. */
export interface CarryImageOptions {
  /** What is known of the image. */
  base: BroughtImage;
  /** Its store. */
  image: SurveyedImage;
  /** Where it goes; whoever calls holds the lock. */
  folder: NixFolder;
  /** The time, in milliseconds since 1970. */
  usedMs: number;
}

/** Brings the paths of an image that a folder lacks, each proven, where they are not valid yet. */
export async function carryImage(
  { base, image, folder, usedMs }: CarryImageOptions,
  step: Step,
): Promise<Carried> {
  makeFolders(folder, ["db", "profiles", "gcroots", "temproots"].map((name) => `var/nix/${name}`));
  const placed = new Set<string>();
  let layerBytes = 0;
  for (let known = image;;) {
    const { difference, unpacked } = await bring(known, folder, placed, step);
    layerBytes += unpacked.layerBytes;
    if (unpacked.isStale) {
      known = { ...known, ...await known.survey() };
      continue;
    }
    const { missing, present, left, valid } = difference;
    const reused = [...present, ...left.filter((row) => !placed.has(row.storePath.baseName))];
    step.meter.reused(rowBytes(reused));
    const note: CarriedImage = {
      digest: base.manifestDigest,
      nixVersion: base.nixVersion,
      platform: base.platform,
      paths: [...known.rows.keys()],
      registeredSeconds: [...known.rows].map(([name, row]) =>
        (valid.get(name) ?? row).registeredSeconds
      ),
      links: unpacked.links,
      usedMs,
    };
    const rows = [...left, ...missing];
    return { folder, note, rows, present, valid, pathsMoved: placed.size, layerBytes };
  }
}

/** Brings what the database names, as far as it is known, and adds what was placed. */
async function bring(
  { rows, source, database }: SurveyedImage,
  folder: NixFolder,
  placed: Set<string>,
  { signal, meter, record }: Step,
): Promise<{ difference: StoreDifference; unpacked: Unpacked }> {
  const difference = await storeDifference(rows.values(), folder, signal);
  const { missing, present, left } = difference;
  checkFreeBytes(folder.path, rowBytes(missing));
  await using stage = await StoreStage.make(folder, missing);
  const linksBytes = linksShare * rowBytes([...missing, ...present, ...left]);
  const unpacker = new StoreUnpacker(folder, stage, missing, {
    linksBytes,
    onPlaced({ storePath, narSize, narHash }) {
      using object = meter.object(storePath.path, narSize);
      object.moved(narSize);
      record(storePath.path, "placed", { narHash });
      placed.add(storePath.baseName);
    },
  });
  const unpacked = await source.unpack({
    taker: unpacker,
    database,
    folder: folder.path,
    work: stage.folder,
    wanted: missing.map(({ storePath: { baseName }, narHash, narSize }) => ({
      baseName,
      narHash,
      narSize,
    })),
    linksBytes,
    threads: threadsFor(missing),
    signal,
  });
  if (!unpacked.isStale) await unpacker.end(signal);
  return { difference, unpacked };
}

/** A large store is read on several threads. */
function threadsFor(missing: readonly StoreRow[]): number {
  if (rowBytes(missing) < worthThreadsBytes) return 0;
  return Math.min(navigator.hardwareConcurrency || 1, mostThreads);
}

/** What keeps Nix's garbage collector from the paths of an image: those that none of its others needs. */
export function rootsOf(note: CarriedImage, { rows, present }: Carried): NixLink[] {
  const all = [...rows, ...present];
  const needed = new Set(
    all.flatMap(({ storePath, references }) =>
      references.filter((name) => name !== storePath.baseName)
    ),
  );
  return all.map((row) => row.storePath.baseName).filter((name) => !needed.has(name)).map((
    name,
  ) => ({
    path: `gcroots/kedge/${digestHex(note.digest)}/${name}`,
    target: `${nixStoreDir}/${name}`,
  }));
}

/** The bytes of the NARs of rows. */
export function rowBytes(rows: readonly StoreRow[]): number {
  return rows.reduce((sum, row) => sum + row.narSize, 0);
}
