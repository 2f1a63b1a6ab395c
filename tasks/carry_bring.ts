import { checkFreeBytes } from "../lib/base/disk_space.ts";
import { digestHex } from "../lib/base/digest_text.ts";
import type { CarriedImage } from "../lib/nix/carried_images.ts";
import { type NixFolder, nixStoreDir } from "../lib/nix/nix_folder.ts";
import type { NixLink } from "../lib/nix/nix_links.ts";
import type { StoreRow } from "../lib/nix/store_database.ts";
import { storeDifference } from "../lib/nix/store_difference.ts";
import { StoreStage } from "../lib/nix/store_stage.ts";
import type { Step } from "../lib/operation/operation.ts";
import type { ImageStore, LayeredStore } from "./carry_image.ts";
import type { CarriedBase } from "./carry_store.ts";
import { StoreUnpacker } from "./carry_unpack.ts";

/** An image whose database was read. */
export type SurveyedImage = ImageStore & { layers: LayeredStore };

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
  base: CarriedBase;
  /** Its store. */
  image: SurveyedImage;
  /** Where it goes; whoever calls holds the lock. */
  folder: NixFolder;
  /** A folder for the database. */
  work: string;
  /** The time, in milliseconds since 1970. */
  usedMs: number;
}

/** Brings the paths of an image that a folder lacks, each proven, where they are not valid yet. */
export async function carryImage(
  { base, image, folder, work, usedMs }: CarryImageOptions,
  { signal, meter, record }: Step,
): Promise<Carried> {
  for (const name of ["db", "profiles", "gcroots", "temproots"]) {
    await Deno.mkdir(`${folder.state}/${name}`, { recursive: true });
  }
  const all = [...image.rows.values()];
  const { missing, present, left, valid } = await storeDifference(all, folder, signal);
  checkFreeBytes(folder.path, rowBytes(missing));
  await using stage = await StoreStage.make(folder);
  const unpacker = new StoreUnpacker(
    folder,
    stage,
    missing,
    ({ storePath, narSize, narHash }) => {
      using object = meter.object(storePath.path, narSize);
      object.moved(narSize);
      record(storePath.path, "placed", { narHash });
    },
  );
  const expected = { database: image.database, work };
  const { links, layerBytes } = await image.layers.unpack(unpacker, expected, signal);
  await unpacker.end(signal);
  meter.reused(rowBytes(present) + rowBytes(left));
  const note: CarriedImage = {
    digest: base.manifestDigest,
    nixVersion: base.nixVersion,
    platform: base.platform,
    paths: [...image.rows.keys()],
    links,
    usedMs,
  };
  const rows = [...left, ...missing];
  return { folder, note, rows, present, valid, pathsMoved: missing.length, layerBytes };
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
