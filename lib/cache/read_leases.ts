/**
 * What the processes that use a cache lease of it, by the files that {@linkcode Leases} writes.
 *
 * Invariants: the files of a dead process count for nothing; of one that cannot be judged they count for a day, and while others use the
 * cache whatever the clock says; a file of a live process
 * that does not end with a whole line stands for all that there is, and so does one that may not be read.
 *
 * @module
 */
import { join } from "@std/path";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { ifAllowed, ifThere } from "../base/files.ts";
import {
  formatIdentity,
  ownIdentity,
  parseIdentity,
  type ProcessIdentity,
  stateOf,
} from "../base/process_identity.ts";

const elsewhereMs = 24 * 3_600_000;

/** What is leased. */
export interface Leased {
  /** By name. */
  leased: Set<Digest>;
  /** Whether somebody may lease all that there is: a live process whose file does not name it, since the disk was full, or who may not be read. */
  all: boolean;
  /** The files of processes that are gone. */
  dead: string[];
  /** What this user may not read, in the words of the system. */
  denied: string[];
}

/**
 * What is leased by the files of a folder, and the files of processes that are gone.
 *
 * @param inUse whether others use the cache now: any of those that cannot be judged may be one of them
 */
export async function readLeases(dir: string, nowMs: number, inUse: boolean): Promise<Leased> {
  const leased = new Set<Digest>();
  const dead: string[] = [];
  const denied: string[] = [];
  const allowed = <T>(looking: Promise<T>) => ifAllowed(looking, (why) => denied.push(why));
  let all = false;
  for (const name of await allowed(namesOf(dir)) ?? []) {
    const path = join(dir, name);
    const owner = ownerOf(name);
    const state = owner === undefined ? "elsewhere" : stateOf(owner);
    const mayBeGone = state === "elsewhere" && !inUse;
    if (state === "dead" || mayBeGone && await allowed(isOld(path, nowMs))) {
      dead.push(path);
      continue;
    }
    const text = await allowed(ifThere(Deno.readTextFile(path)));
    if (text === undefined) continue;
    for (const line of text.split("\n")) if (isDigest(line)) leased.add(line);
    if (owner !== undefined && !text.endsWith("\n")) all = true;
  }
  return { leased, all: all || denied.length > 0, dead, denied };
}

/** Whether another live process of this machine leases anything. */
export async function othersLease(dir: string): Promise<boolean> {
  for (const name of await namesOf(dir)) {
    const owner = ownerOf(name);
    if (owner === undefined || formatIdentity(owner) === formatIdentity(ownIdentity())) continue;
    if (stateOf(owner) === "alive") return true;
  }
  return false;
}

/** Whose a file of leases is, by its name. */
function ownerOf(name: string): ProcessIdentity | undefined {
  return parseIdentity(name.replace(/-[0-9a-f]{8}\.(lease|use)$/, ""));
}

async function namesOf(folder: string): Promise<string[]> {
  const entries = await ifThere(Array.fromAsync(Deno.readDir(folder))) ?? [];
  return entries.filter((entry) => entry.isFile).map((entry) => entry.name);
}

async function isOld(path: string, nowMs: number): Promise<boolean> {
  const info = await ifThere(Deno.stat(path));
  return info !== undefined && nowMs - (info.mtime?.getTime() ?? 0) > elsewhereMs;
}
