/**
 * Pins keep a prune off what a publish in progress counts on.
 *
 * The two need no lock: a publish writes its pin and looks for its paths after that; a prune moves a narinfo aside and reads the pins
 * after that. Whichever comes first, either the publish sees that the path is gone, or the prune sees the pin and puts the path
 * back.
 *
 * Invariants: a pin is durable before the publish looks; it holds as long as its publish lives, whatever the clock says, and outlives a killed
 * one by a day; one of another machine, or of another container, holds for a day.
 *
 * @module
 */
import { basename, join } from "@std/path";
import { removeIfThere, writeFileAtomic } from "../../base/atomic_file.ts";
import { folderNames, ifThere, isReadOnly } from "../../base/files.ts";
import { foreseeNames } from "../../base/foresee_names.ts";
import {
  formatIdentity,
  ownIdentity,
  parseIdentity,
  stateOf,
} from "../../base/process_identity.ts";
import type { SourcePath } from "../source_path.ts";

/** Where the pins of a binary cache lie in its folder. */
export const pinFolder = ".kedge/pins";

const pinnedForMs = 24 * 3_600_000;

/** What the live pins of a store name. */
export interface PinnedPaths {
  /** The hash parts of store paths. */
  hashParts: ReadonlySet<string>;
  /** The hashes of NARs. */
  narHashes: ReadonlySet<string>;
}

/** Pins a closure in the folder of a binary cache until it is disposed of. */
export async function pinClosure(
  dir: string,
  closure: readonly SourcePath[],
  by: string,
): Promise<AsyncDisposable> {
  const folder = join(dir, pinFolder);
  await Deno.mkdir(folder, { recursive: true });
  const nonce = crypto.randomUUID().slice(0, 8);
  const path = join(folder, `${formatIdentity(ownIdentity())}-${nonce}.json`);
  const pin = {
    by,
    at: new Date().toISOString(),
    paths: closure.map(({ storePath, narHash }) => [storePath.hashPart, narHash]),
  };
  await writeFileAtomic(path, JSON.stringify(pin));
  return {
    async [Symbol.asyncDispose]() {
      await removeIfThere(path);
    },
  };
}

/** Reads the live pins of a binary cache's folder. Pins that cannot be read keep nothing. */
export async function readPins(dir: string): Promise<PinnedPaths> {
  const hashParts = new Set<string>();
  const narHashes = new Set<string>();
  const folder = join(dir, pinFolder);
  for (const name of await folderNames(folder)) {
    if (!name.endsWith(".json")) continue;
    const path = join(folder, name);
    let text: string;
    try {
      if (await isOld(path, Date.now())) continue;
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    for (const [hashPart, narHash] of pathsOf(text)) {
      hashParts.add(hashPart);
      narHashes.add(narHash);
    }
  }
  return { hashParts, narHashes };
}

/** Whether this user may take pins of others away. */
export function mayRemovePins(dir: string): boolean {
  try {
    foreseeNames(join(dir, pinFolder));
    return true;
  } catch (error) {
    if (isReadOnly(error)) return false;
    throw error;
  }
}

/** Removes the pins that killed publishes left in a binary cache's folder long ago, where this user may: they keep nothing. */
export async function removeOldPins(dir: string, now = Date.now()): Promise<void> {
  if (!mayRemovePins(dir)) return;
  const folder = join(dir, pinFolder);
  for (const name of await folderNames(folder)) {
    const path = join(folder, name);
    if (name.endsWith(".json") && await ifThere(isOld(path, now))) await removeIfThere(path);
  }
}

async function isOld(path: string, now: number): Promise<boolean> {
  const { mtime } = await Deno.stat(path);
  if (mtime === null || now - mtime.getTime() <= pinnedForMs) return false;
  const owner = parseIdentity(basename(path).replace(/-[0-9a-f]{8}\.json$/, ""));
  return owner === undefined || stateOf(owner) !== "alive";
}

function pathsOf(text: string): [string, string][] {
  try {
    const { paths } = JSON.parse(text) as { paths?: unknown };
    return Array.isArray(paths)
      ? paths.filter((each) => Array.isArray(each) && each.length === 2)
      : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
