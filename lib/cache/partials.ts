/**
 * Downloads that are not complete.
 *
 * Invariants: a partial download has one owner, who took it by renaming its folder to a name with his identity in it; since a
 * rename has one winner, this holds with locks that lie; what a dead process owned may be taken over, what a live one
 * owns never; what a process of another machine owns is left to prune, by its age.
 *
 * @module
 */
import { join } from "@std/path";
import { digestHex, sha256 } from "../base/digest.ts";
import { formatIdentity, ownIdentity, parseIdentity, stateOf } from "../base/process_identity.ts";
import { buckets } from "./buckets.ts";

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

  /** Touches no disk. */
  constructor(host: PartialsHost) {
    this.#host = host;
  }

  /** The folder of the bucket. */
  get dir(): string {
    return join(this.#host.dir, buckets.partials.folder);
  }

  /** The folder of a partial download that may be taken, the fullest first known; nothing is changed. */
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
      try {
        await Deno.rename(folder, own);
        return own;
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    await Deno.mkdir(own);
    return own;
  }

  /** Gives a folder back, so that any process may take it. Where another lies there already, this one is removed. */
  async release(key: string, folder: string): Promise<void> {
    try {
      await Deno.rename(folder, join(this.dir, stem(key)));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      await this.discard(folder);
    }
  }

  /** Removes a folder with all that is in it. */
  async discard(folder: string): Promise<void> {
    try {
      await Deno.remove(folder, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #free(key: string): Promise<string[]> {
    return (await this.#all(key)).filter(({ state }) => state === "free" || state === "dead")
      .map(({ folder }) => folder);
  }

  async #all(key: string): Promise<{ folder: string; state: string }[]> {
    const prefix = stem(key);
    const found: { folder: string; state: string }[] = [];
    try {
      for await (const { name } of Deno.readDir(this.dir)) {
        if (!name.startsWith(prefix)) continue;
        const state = partialState(name);
        if (state !== undefined) found.push({ folder: join(this.dir, name), state });
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return found.sort((a, b) => a.folder.localeCompare(b.folder));
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

function stem(key: string): string {
  return digestHex(sha256(key)).slice(0, 40);
}

function nonce(): string {
  return crypto.randomUUID().slice(0, 8);
}
