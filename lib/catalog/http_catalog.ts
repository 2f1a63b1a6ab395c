/**
 * A catalog behind HTTP. The protocol, all bodies JSON, below one base URL:
 *
 * - `GET entries/NAME/VERSION/SYSTEM`: 200 with the entry and an `ETag`, or 404. With `Kedge-Intent: write`, a client that may
 *   not write is told 401 or 403 here, before anything moves.
 * - `PUT entries/NAME/VERSION/SYSTEM` with a draft, an `Idempotency-Key`, and `If-None-Match: *` or `If-Match`: 200 or 201 with the entry,
 *   which is the current one from then on. 409 if the name stands for other store paths, 412 if it was changed meanwhile. The same key is
 *   answered the same again, whatever the conditions.
 * - `GET entries?name=&version=&system=`: `{ "entries": [...] }`, newest first.
 * - `GET history/NAME`: `{ "history": [...] }`, newest first.
 * - `PUT current/NAME/SYSTEM` with `{ "version" }` and `If-Match: "VERSION"`: moves the pointer if it still points there; 200 with the entry, 404, 412.
 * - `DELETE entries/NAME/VERSION/SYSTEM`: 204; 409 if it is the current one.
 *
 * Invariants: an answer is checked before it is believed, and must be about what was asked for; a commit that was cut off is
 * sent again with the same key.
 *
 * @module
 */
import { UnreachableError, VerificationError } from "../base/errors.ts";
import type {
  CatalogOptions,
  CatalogWithHistory,
  CommitOptions,
  EntryFilter,
  EntryName,
  HistoryLine,
} from "./catalog.ts";
import { CatalogConnection, type CatalogConnectionOptions } from "./catalog_connection.ts";
import { type CatalogEntry, type CatalogEntryDraft, entryId, samePaths } from "./catalog_entry.ts";
import { entrySchema, historySchema, listSchema } from "./catalog_schemas.ts";

/** Entries behind HTTP. */
export class HttpCatalog implements CatalogWithHistory {
  readonly url: string;
  readonly requestsEach = 1;
  readonly #connection: CatalogConnection;
  readonly #etags = new Map<string, string>();

  /** Connects to nothing yet. */
  constructor(options: CatalogConnectionOptions) {
    this.#connection = new CatalogConnection(options);
    this.url = this.#connection.url;
  }

  async find(name: EntryName, options: CatalogOptions = {}): Promise<CatalogEntry | undefined> {
    const response = await this.#connection.send(entryPath(name), {
      headers: { "kedge-intent": "write", "cache-control": "no-cache" },
      accept: [404],
      action: "ask the catalog",
    }, options);
    const path = entryPath(name);
    this.#etags.delete(path);
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    const etag = response.headers.get("etag");
    if (etag !== null) this.#etags.set(path, etag);
    return this.#sameName(await this.#connection.read(response, entrySchema), name);
  }

  async list(filter: EntryFilter = {}, options: CatalogOptions = {}): Promise<CatalogEntry[]> {
    const query = new URLSearchParams(
      Object.entries(filter).filter((pair): pair is [string, string] => pair[1] !== undefined),
    );
    const response = await this.#connection.send(
      `entries?${query}`,
      { action: "list the catalog" },
      options,
    );
    const { entries } = await this.#connection.read(response, listSchema);
    return entries.map((entry) => this.#sameName(entry, entry));
  }

  async history(name: string, options: CatalogOptions = {}): Promise<HistoryLine[]> {
    const path = `history/${encodeURIComponent(name)}`;
    const response = await this.#connection.send(path, { action: "read the history" }, options);
    return (await this.#connection.read(response, historySchema)).history;
  }

  async commit(draft: CatalogEntryDraft, options: CommitOptions): Promise<CatalogEntry> {
    let response = await this.#put(draft, options);
    if (response.status === 412) {
      // Somebody else was first; the same store paths are not a conflict.
      const standing = await this.find(draft, options);
      if (standing === undefined || samePaths(standing.storePaths, draft.storePaths)) {
        await response.body?.cancel();
        response = await this.#put(draft, options);
      }
    }
    if (!response.ok) {
      throw await this.#connection.conflict(
        response,
        `Cannot commit "${entryId(draft)}" to "${this.url}"`,
        "it already exists with other store paths",
        "publish under another version",
      );
    }
    const entry = await this.#committed(response, draft, options);
    if (samePaths(entry.storePaths, draft.storePaths)) return entry;
    throw new VerificationError(
      `Cannot trust "${this.url}": it answered the commit with other store paths`,
    );
  }

  /** The entry of a commit's answer; if the answer was cut, the catalog is asked what became of it. */
  async #committed(
    response: Response,
    draft: CatalogEntryDraft,
    options: CommitOptions,
  ): Promise<CatalogEntry> {
    try {
      return this.#sameName(await this.#connection.read(response, entrySchema), draft);
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      const standing = await this.find(draft, options);
      if (standing === undefined) throw error;
      return standing;
    }
  }

  async #put(draft: CatalogEntryDraft, options: CommitOptions): Promise<Response> {
    const path = entryPath(draft);
    const etag = this.#etags.get(path);
    return await this.#connection.send(path, {
      method: "PUT",
      headers: {
        "content-type": "application/json",
        "idempotency-key": options.idempotencyKey,
        ...(etag === undefined ? { "if-none-match": "*" } : { "if-match": etag }),
      },
      body: JSON.stringify(draft),
      accept: [409, 412],
      action: `commit "${entryId(draft)}" to the catalog`,
    }, options);
  }

  async point(to: EntryName, from: string, options: CatalogOptions = {}): Promise<CatalogEntry> {
    const path = `current/${encodeURIComponent(to.name)}/${encodeURIComponent(to.system)}`;
    const response = await this.#connection.send(path, {
      method: "PUT",
      headers: { "content-type": "application/json", "if-match": JSON.stringify(from) },
      body: JSON.stringify({ version: to.version }),
      accept: [409, 412],
      action: `point to "${entryId(to)}"`,
    }, options);
    if (response.ok) return this.#sameName(await this.#connection.read(response, entrySchema), to);
    throw await this.#connection.conflict(
      response,
      `Cannot point "${to.name}" to ${to.version}`,
      "it was moved meanwhile",
      "look at it with catalog:ls",
    );
  }

  async forget(names: readonly EntryName[], options: CatalogOptions = {}): Promise<void> {
    for (const name of names) {
      const response = await this.#connection.send(entryPath(name), {
        method: "DELETE",
        accept: [404, 409],
        action: `forget "${entryId(name)}"`,
      }, options);
      if (response.status === 409) {
        throw await this.#connection.conflict(
          response,
          `Cannot forget "${entryId(name)}"`,
          "it is the current one",
          "publish another version first",
        );
      }
      await response.body?.cancel();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#connection[Symbol.dispose]();
    return Promise.resolve();
  }

  #sameName(entry: CatalogEntry, name: EntryName): CatalogEntry {
    if (entryId(entry) === entryId(name) && entry.id === entryId(name)) return entry;
    throw new VerificationError(
      `Cannot trust "${this.url}": asked for "${entryId(name)}", it answered ${
        JSON.stringify(entry.id.slice(0, 300))
      }`,
    );
  }
}

function entryPath({ name, version, system }: EntryName): string {
  return `entries/${[name, version, system].map(encodeURIComponent).join("/")}`;
}
