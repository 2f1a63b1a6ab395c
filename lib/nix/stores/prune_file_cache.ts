/**
 * Deletes paths from the folder of a binary cache.
 *
 * Invariants: a narinfo is first moved aside, and put back if a pin or a live entry turns out to name it; only then its NAR goes, and
 * only if no other narinfo and no pin names it, and what lies aside goes after it; a full disk has room for some at a time; what a killed
 * prune moved aside is judged again by the next one, and what killed runs were writing goes. Where nothing says what is live, all is put back.
 *
 * @module
 */
import { join } from "@std/path";
import { removeIfThere } from "../../base/atomic_file.ts";
import { isNoRoom, NoRoomError } from "../../base/errors.ts";
import { folderNames, ifThere } from "../../base/files.ts";
import { FileObjects } from "./file_objects.ts";
import { readPins, removeOldPins } from "./file_pins.ts";
import { removeLeftObjects } from "./left_objects.ts";
import { type NarInfo, parseNarInfo } from "../nar/nar_info.ts";
import { notWritten } from "./not_written.ts";
import {
  asideFolder,
  idleIntentBytes,
  intentFolder,
  readIntents,
  removeIntents,
  writeIntent,
} from "./prune_intent.ts";
import { isHashPart } from "../store_path.ts";

/** What a prune of one store would delete. */
export interface PrunePlan {
  /** The hash parts of the paths. */
  hashParts: readonly string[];
  /** Those of paths that are given but pinned: they stay, and go in a later prune. */
  pinned: readonly string[];
  /** How many bytes that frees at most. */
  bytes: number;
  /** How many paths a killed prune had moved aside that are to come back. */
  back: number;
  /** How many of the bytes killed runs left. */
  left: number;
}

/** What may go, of the given paths and those that a killed prune left: those that are there and that neither a pin nor a live entry names. */
export async function planPrune(
  dir: string,
  candidates: ReadonlySet<string>,
  live: ReadonlySet<string>,
): Promise<PrunePlan> {
  const pins = await readPins(dir);
  const aside = (await folderNames(trash(dir))).map((name) => name.replace(/\.narinfo$/, ""));
  const hashParts: string[] = [];
  const pinned: string[] = [];
  let [bytes, back] = [0, 0];
  for (const hashPart of new Set([...candidates, ...aside, ...await readIntents(dir)])) {
    if (!isHashPart(hashPart)) continue;
    if (pins.hashParts.has(hashPart) || live.has(hashPart)) {
      if (aside.includes(hashPart)) back++;
      if (candidates.has(hashPart) && !live.has(hashPart)) pinned.push(hashPart);
      continue;
    }
    const info = await readInfo(join(dir, `${hashPart}.narinfo`)) ??
      await readInfo(join(trash(dir), `${hashPart}.narinfo`));
    if (info === undefined) continue;
    hashParts.push(hashPart);
    bytes += info.fileSize ?? 0;
  }
  const left = await removeLeftObjects(dir, { dryRun: true }) + await idleIntentBytes(dir);
  return { hashParts, pinned, bytes: bytes + left, back, left };
}

/**
 * Fails as a prune would, where the system does not let this user delete, or only write down what waits for a pin; writes nothing.
 *
 * @throws {NotAllowedError} if names in one of its folders may not go
 */
export function foreseePrune(dir: string, { onlyWaits = false } = {}): void {
  const noting = [".kedge", asideFolder, intentFolder];
  new FileObjects(dir).foresee([...(onlyWaits ? [] : ["", "nar"]), ...noting]);
}

/**
 * Writes down what will be deleted, before the catalog forgets it: a prune that was killed is gone on with by the next one. Gives the file, or
 * `undefined` where the disk has no room for that; what makes room must run there all the same.
 *
 * @throws {NoRoomError} if there is not even room for what is moved aside
 */
export async function intendPrune(
  dir: string,
  hashParts: readonly string[],
): Promise<string | undefined> {
  for (const folder of [trash(dir), join(dir, intentFolder)]) {
    try {
      await Deno.mkdir(folder, { recursive: true });
    } catch (cause) {
      if (!isNoRoom(cause)) throw notWritten(folder, cause);
      throw new NoRoomError(`Cannot make the folder "${folder}": the disk is full`, {
        cause,
        side: "destination",
        hint: "free a little space there; the catalog is unchanged",
      });
    }
  }
  return await writeIntent(dir, hashParts);
}

/**
 * Deletes the planned paths.
 *
 * @param intent where they are written down; it goes once nothing of it is there but what is live
 * @param live asked after the narinfos were moved aside: the hash parts that a live entry needs; if it fails, what lies aside is put back
 * @returns how many paths and bytes were deleted
 */
export async function pruneFileCache(
  dir: string,
  { hashParts }: Pick<PrunePlan, "hashParts">,
  intent: string | undefined,
  live: () => Promise<ReadonlySet<string>>,
  signal: AbortSignal,
): Promise<{ paths: number; bytes: number }> {
  await Deno.mkdir(trash(dir), { recursive: true });
  await removeOldPins(dir);
  let [paths, bytes, from] = [0, await idleIntentBytes(dir, intent), 0];
  for (;;) {
    const { to, full } = await moveAside(dir, hashParts, from, signal);
    const done = await judgeAside(dir, live);
    paths += done.paths;
    bytes += done.bytes;
    if (full === undefined) {
      await removeIntents(dir, intent, done.needed);
      return { paths, bytes };
    }
    if (to === from && done.judged === 0) throw full;
    from = to;
  }
}

/** Moves narinfos aside, from one of them on, up to the first for which a full disk has no room there; what goes makes room for the next. */
async function moveAside(
  dir: string,
  hashParts: readonly string[],
  from: number,
  signal: AbortSignal,
): Promise<{ to: number; full?: unknown }> {
  for (let to = from; to < hashParts.length; to++) {
    signal.throwIfAborted();
    const name = `${hashParts[to]}.narinfo`;
    try {
      await ifThere(Deno.rename(join(dir, name), join(trash(dir), name)));
    } catch (full) {
      if (isNoRoom(full)) return { to, full };
      throw full;
    }
  }
  return { to: hashParts.length };
}

/** Puts back what lies aside and is needed, and deletes the rest. */
async function judgeAside(
  dir: string,
  live: () => Promise<ReadonlySet<string>>,
): Promise<{ judged: number; needed: ReadonlySet<string>; paths: number; bytes: number }> {
  const folder = trash(dir);
  // The pins first: a publish lets its pin go once the entry is live.
  const pins = await readPins(dir);
  let needed: ReadonlySet<string>;
  try {
    needed = await live();
  } catch (error) {
    await putAllBack(dir).catch(() => {}); // What stays aside is judged by the next prune.
    throw error;
  }
  const names = await folderNames(folder);
  const gone = new Map<string, NarInfo | undefined>();
  for (const name of names) {
    const hashPart = name.replace(/\.narinfo$/, "");
    const aside = join(folder, name);
    const info = await readInfo(aside);
    const isNeeded = pins.hashParts.has(hashPart) || needed.has(hashPart);
    // One that was killed may have deleted the NAR already.
    if (info !== undefined && isNeeded && await hasNar(dir, info)) {
      await putBack(dir, name);
    } else gone.set(aside, isNeeded ? undefined : info);
  }
  const used = await usedNars(dir);
  let [paths, bytes] = [0, await removeLeftObjects(dir)];
  for (const [aside, info] of gone) {
    if (info !== undefined) {
      const { url, narHash, fileSize } = info;
      const pinned = pins.narHashes.has(narHash) || (await readPins(dir)).narHashes.has(narHash);
      const goes = !pinned && !used.has(url) && url.startsWith("nar/");
      if (goes && await removeIfThere(join(dir, url))) bytes += fileSize ?? 0;
      paths++;
    }
    await removeIfThere(aside);
  }
  return { judged: names.length, needed, paths, bytes };
}

/** Puts back what lies aside; not what has lost its NAR to a prune that was killed. */
async function putAllBack(dir: string): Promise<void> {
  for (const name of await folderNames(trash(dir))) {
    const info = await readInfo(join(trash(dir), name));
    if (info !== undefined && await hasNar(dir, info)) await putBack(dir, name);
  }
}

async function hasNar(dir: string, { url }: NarInfo): Promise<boolean> {
  return !url.startsWith("nar/") || await ifThere(Deno.stat(join(dir, url))) !== undefined;
}

async function usedNars(dir: string): Promise<Set<string>> {
  const used = new Set<string>();
  for (const name of await folderNames(dir)) {
    if (!name.endsWith(".narinfo")) continue;
    const info = await readInfo(join(dir, name));
    if (info !== undefined) used.add(info.url);
  }
  return used;
}

async function readInfo(path: string): Promise<NarInfo | undefined> {
  const text = await ifThere(Deno.readTextFile(path));
  return text === undefined ? undefined : parseNarInfo(text, `"${path}"`);
}

/** Gives what lies aside its name back; a publish may have written it anew meanwhile, then that one stays. */
async function putBack(dir: string, name: string): Promise<void> {
  const aside = join(trash(dir), name);
  try {
    // Another prune may have put it back meanwhile.
    await ifThere(Deno.link(aside, join(dir, name)));
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  await removeIfThere(aside);
}

function trash(dir: string): string {
  return join(dir, asideFolder);
}
