import { join } from "@std/path";
import type { Cache } from "../../lib/cache/cache.ts";
import { Spool, type SpoolFolder } from "../../lib/oci/copy/spool.ts";
import type { ImageRoute } from "./routes.ts";

/**
 * The folder of the cache in which images lie on their way to several destinations. It goes when the copies are done; what a run that did
 * not come so far left there, the next one with the same sources goes on with.
 */
export class ImageSpool implements SpoolFolder {
  /** What lies in it. */
  readonly spool: Spool = new Spool(this);
  #cache: Cache;
  #key: string;
  #own: Promise<string> | undefined;
  #use: Disposable | undefined;
  #isNew = true;

  /** Touches no disk. */
  constructor(cache: Cache, routes: readonly ImageRoute[]) {
    const names = routes.flatMap(({ from, to }) =>
      from.transport === "docker" && to.length > 1 ? [`${from.host}/${from.repository}`] : []
    );
    this.#cache = cache;
    this.#key = `images of ${[...new Set(names)].sort().join(" ")}`;
  }

  async left(): Promise<string> {
    const { partials } = this.#cache;
    return await partials.find(this.#key) ?? join(partials.dir, "none");
  }

  async own(): Promise<string> {
    return await (this.#own ??= this.#claim());
  }

  /**
   * Removes the folder where the copies are done, and leaves it to the next run where they were broken off; where nothing was to be
   * moved, it goes unless an earlier run left it.
   */
  async end(how: "done" | "broken off" | "looked at"): Promise<void> {
    this.spool[Symbol.dispose]();
    const folder = await this.#own?.catch(() => undefined);
    if (folder !== undefined) {
      this.#own = undefined;
      const { partials } = this.#cache;
      const goes = how === "done" || how === "looked at" && this.#isNew;
      await (goes ? partials.discard(folder) : partials.release(this.#key, folder));
    }
    this.#use?.[Symbol.dispose]();
    this.#use = undefined;
  }

  /** As long as the folder is this process's own, no other one empties the cache. */
  async #claim(): Promise<string> {
    const { partials } = this.#cache;
    this.#use = await this.#cache.use();
    this.#isNew = await partials.find(this.#key) === undefined;
    return await partials.claim(this.#key);
  }
}
