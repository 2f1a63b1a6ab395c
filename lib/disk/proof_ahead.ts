/**
 * Hashes a file that the cache knows before anybody knows which disk is to be made of it.
 *
 * What stands in a file is nearly all that a pull reads of it, whichever disk it becomes. So the reading begins with the pull, while the
 * manifest and the index are still to come, and each row is held against what the cache says of it; which of these rows the disk has too is
 * found out meanwhile.
 *
 * Invariants: a row counts only if its bytes were hashed and are those of the table, as with any proof; what is not asked for any longer is
 * not read any longer.
 *
 * @module
 */
import type { Cache } from "../cache/cache.ts";
import { checkRows } from "../chunk/check_rows.ts";
import { type ChunkTable, holeRow } from "../chunk/chunk_table.ts";
import { rowsBehind } from "../chunk/common_rows.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import { mostWorkers } from "../chunk/most_workers.ts";
import { certainHoles, type KnownFile, knownFile } from "./known_files.ts";

/** What a {@linkcode ProofAhead} works with. */
export interface ProofAheadOptions {
  /** Knows the file. */
  readonly cache: Cache;
  /** Hashes. */
  readonly pool: JobPool;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Told of each batch that was read, in bytes, and of the bytes of chunks in it that stand. */
export type OnProof = (bytes: number, standing: number) => void;

/** A file that is being hashed. */
export class ProofAhead {
  /** The file, and what it is held against. */
  readonly known: KnownFile;
  #wanted: Uint8Array;
  #right: Uint8Array<ArrayBuffer>;
  #pool: JobPool;
  #done: Promise<unknown>;
  #onProof: OnProof = () => {};

  private constructor(known: KnownFile, { pool, signal }: ProofAheadOptions) {
    const { path, table } = known;
    this.known = known;
    this.#pool = pool;
    this.#wanted = new Uint8Array(table.rows.length).fill(1);
    this.#right = new Uint8Array(table.rows.length);
    this.#done = checkRows(path, table, {
      pool,
      signal,
      sizeBytes: table.size,
      holes: certainHoles(known),
      only: this.#wanted,
      standing: this.#right,
      onCheck: (bytes, standing) => this.#onProof(bytes, standing),
    });
    this.#done.catch(() => {}); // Whoever asks for the rows is told.
  }

  /** Begins to hash a file; `undefined` if the cache does not know it. */
  static async begin(path: string, options: ProofAheadOptions): Promise<ProofAhead | undefined> {
    const known = await knownFile(options.cache, path);
    if (known === undefined) return undefined;
    options.pool.narrow(mostWorkers(known.table.chunker));
    return new ProofAhead(known, options);
  }

  /**
   * Which of some rows of a disk the file holds at their places, 1 for each; no other is read from here on.
   *
   * @param wanted the rows, 1 for each
   */
  async rows(
    disk: ChunkTable,
    wanted: Uint8Array,
    { onProof, signal }: { onProof: OnProof; signal: AbortSignal },
  ): Promise<Uint8Array> {
    signal.addEventListener("abort", () => this.stop(), { once: true });
    const { table } = this.known;
    const behind = rowsBehind(disk, table);
    const needed = new Uint8Array(this.#wanted.length);
    behind.forEach((row, at) => {
      if (row >= 0 && row < needed.length && wanted[at] === 1) needed[row] = 1;
    });
    // What was left out once is not read again, and does not count.
    this.#wanted.forEach((one, row) => this.#wanted[row] = one & needed[row]!);
    const done = this.#standingBytes();
    onProof(done, done);
    this.#onProof = onProof;
    await this.#done;
    signal.throwIfAborted();
    const right = new Uint8Array(behind.length);
    const doubtful = new Uint8Array(behind.length);
    behind.forEach((row, at) => {
      if (row < 0 || wanted[at] === 0) return;
      right[at] = row === needed.length ? 1 : this.#wanted[row]! & this.#right[row]!;
      // A pull may have written the rest of the known hole by now.
      if (disk.rows[at] === holeRow && right[at] === 0) doubtful[at] = this.#wanted[row]!;
    });
    return await this.#withHoles(disk, { right, doubtful }, signal);
  }

  /** The rows that are right, and with them those of the doubtful holes that are zero. */
  async #withHoles(
    disk: ChunkTable,
    { right, doubtful }: { right: Uint8Array; doubtful: Uint8Array },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    if (!doubtful.includes(1)) return right;
    const { path, table } = this.known;
    const of = { pool: this.#pool, signal, sizeBytes: table.size, only: doubtful };
    const zero = await checkRows(path, disk, of);
    return right.map((one, at) => one | zero[at]!);
  }

  /** Reads nothing more. */
  stop(): void {
    this.#wanted.fill(0);
  }

  /** The bytes of the wanted chunks that were found right so far. */
  #standingBytes(): number {
    const { rows, lengths } = this.known.table;
    return rows.reduce((bytes, chunk, row) => {
      const counts = chunk !== holeRow && (this.#wanted[row]! & this.#right[row]!) === 1;
      return counts ? bytes + lengths[chunk]! : bytes;
    }, 0);
  }
}
