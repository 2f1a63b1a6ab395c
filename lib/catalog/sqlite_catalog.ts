/**
 * A catalog in one SQLite file.
 *
 * Invariants: name, version and system together are unique; every change is one transaction that takes the write lock first, so that
 * two writers come one after the other; the file is made at the first commit, and reading it makes no file beside it (no WAL), so that a dry run leaves no trace.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { dirname } from "@std/path";
import { KedgeError } from "../base/errors.ts";
import { ifThere, lookAt } from "../base/files.ts";
import { foreseeNames } from "../base/foresee_names.ts";
import type {
  CatalogWithHistory,
  CommitOptions,
  EntryFilter,
  EntryName,
  HistoryLine,
} from "./catalog.ts";
import { CatalogConflictError } from "./catalog_conflict_error.ts";
import { catalogFailure } from "./catalog_failure.ts";
import { checkCatalogPlace } from "./check_catalog_place.ts";
import { SqliteCatalogFile } from "./sqlite_catalog_file.ts";
import {
  type CatalogEntry,
  type CatalogEntryDraft,
  type CatalogProof,
  entryId,
} from "./catalog_entry.ts";

const columns =
  `e.name, e.version, e.system, e.store_paths, e.closure, e.closure_bytes, e.proofs, e.created, e.updated,
  coalesce(p.version = e.version, 0) AS current`;
const joined = `entries e LEFT JOIN pointers p ON p.name = e.name AND p.system = e.system`;

/** What a {@linkcode SqliteCatalog} is made of. */
export interface SqliteCatalogOptions {
  /** The file. */
  path: string;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  now?: () => number;
}

/** Entries in one SQLite file. */
export class SqliteCatalog implements CatalogWithHistory {
  readonly url: string;
  readonly requestsEach = 0;
  #now: () => number;
  #file: SqliteCatalogFile;

  /** Touches no disk. */
  constructor(options: SqliteCatalogOptions) {
    this.#file = new SqliteCatalogFile(options.path);
    this.#now = options.now ?? Date.now;
    this.url = `sqlite://${options.path}`;
  }

  find({ name, version, system }: EntryName): Promise<CatalogEntry | undefined> {
    return this.#work("read", () => {
      const row = this.#file.reading()?.prepare(
        `SELECT ${columns} FROM ${joined} WHERE e.name = ? AND e.version = ? AND e.system = ?`,
      ).get(name, version, system);
      return row === undefined ? undefined : toEntry(row);
    });
  }

  list(filter: EntryFilter = {}): Promise<CatalogEntry[]> {
    return this.#work("read", () => {
      const wanted = Object.entries(filter).filter(([, value]) => value !== undefined);
      const where = wanted.map(([field]) => `e.${columnOf(field)} = ?`).join(" AND ");
      const rows = this.#file.reading()?.prepare(
        `SELECT ${columns} FROM ${joined} ${
          where === "" ? "" : `WHERE ${where}`
        } ORDER BY e.rowid DESC`,
      ).all(...wanted.map(([, value]) => value as string));
      return (rows ?? []).map(toEntry);
    });
  }

  foresee(): Promise<void> {
    // The file itself is not opened: closing another handle of it would take the locks of this one away.
    return this.#work("write", async () => {
      const { path } = this.#file;
      // SQLite works beside the file that a link leads to, and makes it there.
      const there = await ifThere(Deno.realPath(path));
      if (there === undefined && lookAt(path)?.isSymlink) return;
      foreseeNames(dirname(there ?? path));
      this.#file.foreseeWriting();
    });
  }

  history(name: string): Promise<HistoryLine[]> {
    return this.#work("read", () => {
      const rows = this.#file.reading()?.prepare(
        "SELECT name, system, version, action, at FROM history WHERE name = ? ORDER BY rowid DESC",
      ).all(name);
      return (rows ?? []) as unknown as HistoryLine[];
    });
  }

  commit(draft: CatalogEntryDraft, options: CommitOptions): Promise<CatalogEntry> {
    return this.#work("write", () =>
      this.#file.transaction((database) => {
        const { name, version, system } = draft;
        const now = new Date(this.#now()).toISOString();
        const standing = this.#row(database, draft);
        const storePaths = JSON.stringify([...draft.storePaths].sort());
        if (standing !== undefined && standing["store_paths"] !== storePaths) {
          throw new CatalogConflictError(
            `Cannot commit "${
              entryId(draft)
            }" to "${this.url}": it already exists with other store paths`,
            {
              hint: "publish under another version",
              data: { standing: JSON.parse(String(standing["store_paths"])) },
            },
          );
        }
        const proofs = mergeProofs(standing, draft.proofs);
        database.prepare(
          `INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET closure = excluded.closure, closure_bytes = excluded.closure_bytes,
             proofs = excluded.proofs, updated = excluded.updated, idempotency_key = excluded.idempotency_key`,
        ).run(
          name,
          version,
          system,
          storePaths,
          JSON.stringify(draft.closure),
          draft.closureBytes,
          JSON.stringify(proofs),
          now,
          now,
          options.idempotencyKey,
        );
        this.#point(database, draft, "publish", now);
        return toEntry(this.#row(database, draft)!);
      }));
  }

  point(to: EntryName, from: string): Promise<CatalogEntry> {
    return this.#work("write", () =>
      this.#file.transaction((database) => {
        if (this.#row(database, to) === undefined) {
          throw new KedgeError(`Cannot point to "${entryId(to)}": "${this.url}" has no such entry`);
        }
        const current = this.#current(database, to);
        if (current !== from) {
          throw new CatalogConflictError(
            `Cannot point "${to.name}" to ${to.version}: it was moved from ${from} to ${current} meanwhile`,
          );
        }
        this.#point(database, to, "rollback", new Date(this.#now()).toISOString());
        return toEntry(this.#row(database, to)!);
      }));
  }

  forget(names: readonly EntryName[]): Promise<void> {
    return this.#work("write", () =>
      this.#file.transaction((database) => {
        for (const name of names) {
          if (this.#current(database, name) === name.version) {
            throw new CatalogConflictError(
              `Cannot forget "${entryId(name)}": it is the current one`,
            );
          }
          database.prepare("DELETE FROM entries WHERE name = ? AND version = ? AND system = ?")
            .run(name.name, name.version, name.system);
        }
      }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
    return Promise.resolve();
  }

  #row(database: DatabaseSync, name: EntryName): Record<string, unknown> | undefined {
    return database.prepare(
      `SELECT ${columns} FROM ${joined} WHERE e.name = ? AND e.version = ? AND e.system = ?`,
    ).get(name.name, name.version, name.system);
  }

  #current(database: DatabaseSync, name: EntryName): string | undefined {
    const row = database.prepare("SELECT version FROM pointers WHERE name = ? AND system = ?")
      .get(name.name, name.system);
    return row?.["version"] as string | undefined;
  }

  #point(
    database: DatabaseSync,
    { name, version, system }: EntryName,
    action: HistoryLine["action"],
    at: string,
  ): void {
    if (this.#current(database, { name, version, system }) === version) return;
    database.prepare(
      "INSERT INTO pointers VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET version = excluded.version",
    ).run(name, system, version);
    database.prepare("INSERT INTO history VALUES (?, ?, ?, ?, ?)")
      .run(name, system, version, action, at);
  }

  async #work<T>(action: "read" | "write", work: () => T | Promise<T>): Promise<T> {
    try {
      if (!this.#file.isOpen) await checkCatalogPlace(this.#file.path);
      return await work();
    } catch (cause) {
      throw catalogFailure(cause, action, this.#file.path);
    }
  }
}

function columnOf(field: string): string {
  if (field === "name" || field === "version" || field === "system") return field;
  throw new KedgeError(`Cannot filter by "${field}": entries have no such field`);
}

/** The proofs of an entry, one a store: the newest. */
function mergeProofs(
  standing: Record<string, unknown> | undefined,
  proofs: readonly CatalogProof[],
): CatalogProof[] {
  const before = standing === undefined
    ? []
    : JSON.parse(String(standing["proofs"])) as CatalogProof[];
  return [...new Map([...before, ...proofs].map((proof) => [proof.store, proof])).values()];
}

function toEntry(row: Record<string, unknown>): CatalogEntry {
  const name = {
    name: String(row["name"]),
    version: String(row["version"]),
    system: String(row["system"]),
  };
  return {
    id: entryId(name),
    ...name,
    storePaths: JSON.parse(String(row["store_paths"])),
    closure: JSON.parse(String(row["closure"])),
    closureBytes: Number(row["closure_bytes"]),
    proofs: JSON.parse(String(row["proofs"])),
    created: String(row["created"]),
    updated: String(row["updated"]),
    current: row["current"] === 1,
  };
}
