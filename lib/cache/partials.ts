/**
 * Downloads that are not complete.
 *
 * Invariants: a partial download has one owner, who took it by renaming its folder to a name with his identity in it; since a
 * rename has one winner, this holds with locks that lie; what a dead process owned may be taken over, what a live one
 * owns never; of a process that cannot be judged, of another container or where this one lacks the permission, the lock
 * that it holds in the folder tells.
 *
 * @module
 */
import { join } from "@std/path";
import { sha256 } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { closeLocked, type FileLock, tryLockFile } from "../base/file_lock.ts";
import { clearWay, folderNames, ifThere, lookAt } from "../base/files.ts";
import { formatIdentity, ownIdentity, parseIdentity, stateOf } from "../base/process_identity.ts";
import { buckets } from "./buckets.ts";

const lockName = "owner.lock";

/** What partial downloads need of the cache around them. */
export interface PartialsHost {
  /** The root of the cache. */
  readonly dir: string;
  /** Makes the root, its markers and the given folder. */
  ensure(folder: string): Promise<void>;
}

/** Finds, takes and gives back partial downloads. */
export class Partials {
  #host: PartialsHost;
  #locks = new Map<string, FileLock>();

  /** Touches no disk. */
  constructor(host: PartialsHost) {
    this.#host = host;
  }

  /** The folder of the bucket. */
  get dir(): string {
    return join(this.#host.dir, buckets.partials.folder);
  }

  /** The folder of a partial download that may be taken, one that was given back before those of the dead; nothing is changed. */
  async find(key: string): Promise<string | undefined> {
    const folders = await this.#free(key);
    return folders[0];
  }

  /** Whether a live process of this machine is downloading this; its folder. */
  async live(key: string): Promise<string | undefined> {
    const found = (await this.#all(key)).find(({ state }) => state === "alive");
    return found?.folder;
  }

  /** Takes the partial download of a key, or begins one; the folder is this process's own from now on. */
  async claim(key: string): Promise<string> {
    const own = join(this.dir, `${stem(key)}-${formatIdentity(ownIdentity())}-${nonce()}`);
    await this.#host.ensure(this.dir);
    for (const folder of await this.#free(key)) {
      if (await ifThere(Deno.rename(folder, own).then(() => true))) return await this.#own(own);
    }
    await Deno.mkdir(own);
    return await this.#own(own);
  }

  async #own(folder: string): Promise<string> {
    await clearWay(join(folder, lockName));
    const lock = await tryLockFile(join(folder, lockName));
    if (lock !== undefined) this.#locks.set(folder, lock);
    return folder;
  }

  #disown(folder: string): void {
    this.#locks.get(folder)?.[Symbol.dispose]();
    this.#locks.delete(folder);
  }

  /** Gives a folder back, so that any process may take it. Where another lies there already, this one is removed. */
  async release(key: string, folder: string): Promise<void> {
    this.#disown(folder);
    const free = join(this.dir, stem(key));
    try {
      if (lookAt(free)?.isDirectory === false) await Deno.remove(free);
      await Deno.rename(folder, free);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      await this.discard(folder);
    }
  }

  /** Removes a folder with all that is in it. */
  async discard(folder: string): Promise<void> {
    this.#disown(folder);
    await ifThere(Deno.remove(folder, { recursive: true }));
  }

  async #free(key: string): Promise<string[]> {
    return (await this.#all(key)).filter(({ state }) => state === "free" || state === "dead")
      .map(({ folder }) => folder);
  }

  async #all(key: string): Promise<{ folder: string; state: string }[]> {
    const prefix = stem(key);
    const found: { folder: string; state: string }[] = [];
    for (const name of await folderNames(this.dir, { foldersOnly: true })) {
      if (!name.startsWith(prefix)) continue;
      const folder = join(this.dir, name);
      let state: string | undefined = partialState(name);
      if (state === "elsewhere") state = await stateByLock(folder);
      if (state !== undefined) found.push({ folder, state });
    }
    return found;
  }
}

/** Whose a partial download is, by the name of its folder; `undefined` for a name that is none. */
export function partialState(name: string): "free" | "alive" | "dead" | "elsewhere" | undefined {
  const match = /^[0-9a-f]{40}(?:-([^-]+)-[0-9a-f]{8})?$/.exec(name);
  if (match === null) return undefined;
  if (match[1] === undefined) return "free";
  const owner = parseIdentity(match[1]);
  return owner === undefined ? undefined : stateOf(owner);
}

/** Whether somebody holds the lock of a partial download; nothing is made. */
async function stateByLock(folder: string): Promise<"alive" | "dead" | "elsewhere"> {
  try {
    const file = await Deno.open(join(folder, lockName), { read: true, write: true });
    try {
      return await file.tryLock(true) ? "dead" : "alive";
    } finally {
      closeLocked(file);
    }
  } catch {
    return "elsewhere";
  }
}

function stem(key: string): string {
  return digestHex(sha256(key)).slice(0, 40);
}

function nonce(): string {
  return crypto.randomUUID().slice(0, 8);
}
