/**
 * Brings one object over several connections into a folder, or fails.
 *
 * Invariants: the folder belongs to this download alone; the bytes of one file are of one version of the object, or a pinned digest
 * says at the end that they are not; what was received stays for the next run, whatever ends this one; a connection that
 * brings nothing ends; the digest is of the bytes that lie in the file.
 *
 * @module
 */
import { delay } from "@std/async";
import { defined } from "../base/defined.ts";
import { checkFreeBytes } from "../base/disk_space.ts";
import { KedgeError } from "../base/errors.ts";
import { diskFailure } from "./disk_failure.ts";
import type { Downloaded, DownloadOptions } from "./download_options.ts";
import { PartSums } from "./part_sums.ts";
import { PartialFile } from "./partial_file.ts";
import { Piece, type PieceSink } from "./piece.ts";
import { PieceQueue } from "./piece_queue.ts";
import { PieceRetries } from "./piece_retries.ts";
import { defaultConnections, remainingPieces } from "./plan_pieces.ts";
import type { PrefixFollower } from "./prefix_follower.ts";
import { PrefixHasher } from "./prefix_hasher.ts";
import { BusyError, ChangedError, RangeSource } from "./range_source.ts";

const startConnections = 4;
const fastBytesPerSecond = 100 * 1024 * 1024;
const followFromBytes = 32 * 1024 * 1024;

/** One attempt at a download. */
export class DownloadAttempt {
  #options: DownloadOptions;
  #source: RangeSource;
  #running = new Set<Promise<void>>();
  #limit: number;
  #leaving = 0;
  #failure: unknown;
  #queue: PieceQueue;
  #first: Piece;
  #hasher = new PrefixHasher();
  #follower: PrefixFollower;
  #file!: PartialFile;

  /** Asks for nothing yet. */
  constructor(options: DownloadOptions) {
    const { probe, client, request, digest, connections = defaultConnections } = options;
    this.#options = options;
    this.#follower = options.follower ?? this.#hasher;
    this.#limit = connections;
    this.#first = new Piece(probe.start, probe.end ?? Infinity);
    this.#queue = new PieceQueue(remainingPieces(probe, probe.partial?.done ?? [], connections));
    this.#source = new RangeSource({
      client,
      probe,
      ...(request.headers === undefined ? {} : { headers: request.headers }),
      action: request.action,
      digestKnown: digest !== undefined,
    });
  }

  /**
   * Brings all that is missing.
   *
   * @throws {ChangedError} if the object is no longer what the probe found
   * @throws {UnreachableError} if a range could not be had in all tries
   * @throws {NoRoomError} if the disk has no room for it
   * @throws {KedgeError} if the disk does not take it for another reason
   */
  async run(): Promise<Downloaded> {
    const { probe, folder, source } = this.#options;
    const control = probe.ranges && probe.size !== undefined
      ? { source, size: probe.size, ...probe.validators }
      : undefined;
    const done = probe.partial?.done ?? [];
    try {
      const present = done.reduce((sum, { start, end }) => sum + end - start, 0);
      if (probe.size !== undefined) checkFreeBytes(folder, probe.size - present);
      const sums = this.#options.partSums && probe.size !== undefined
        ? new PartSums(probe.size, probe.partial?.sums)
        : undefined;
      await using file = await PartialFile.open(folder, control, {
        done,
        sums,
        onDurable: (bytes) => this.#options.object.moved(bytes),
      });
      using _hasher = this.#hasher;
      this.#file = file;
      this.#follower.begin(file.path);
      this.#options.object.reused(present);
      return await this.#transfer();
    } finally {
      if (!probe.response.bodyUsed) await probe.response.body?.cancel().catch(() => undefined);
    }
  }

  async #transfer(): Promise<Downloaded> {
    const { probe, idleTimeoutMs = 30_000, minBytesPerSecond = 1024 } = this.#options;
    const pace = { idleTimeoutMs, minBytesPerSecond };
    const everyMs = Math.min(1000, idleTimeoutMs / 4);
    const watchdog = setInterval(() => this.#queue.watch(pace), everyMs);
    const growing = setInterval(() => this.#grow(), 100);
    try {
      this.#connect(this.#first);
      for (let count = 1; count < Math.min(this.#limit, startConnections); count++) this.#connect();
      while (this.#running.size > 0) await Promise.race(this.#running);
      if (this.#failure !== undefined) throw this.#failure;
      const size = probe.size ?? this.#first.end;
      if (this.#file.extents.prefix !== size) {
        throw new ChangedError(`only ${this.#file.extents.prefix} of ${size} bytes came`);
      }
      if (size === 0) this.#options.check?.(new Uint8Array());
      const { path } = this.#file;
      const saved = this.#file.save();
      const [digest] = await Promise.all([
        this.#follower.digest(path, size, this.#options.signal),
        saved,
      ]);
      const { validators, lifetime, stated } = probe;
      return { path, digest, size, validators, lifetime, ...defined({ stated }) };
    } catch (error) {
      if (!(error instanceof ChangedError)) await this.#file.save().catch(() => undefined);
      throw error;
    } finally {
      clearInterval(watchdog);
      clearInterval(growing);
    }
  }

  #connect(first: Piece | undefined = this.#next()): void {
    if (first === undefined) return;
    const running: Promise<void> = this.#serve(first).then((left) => {
      if (left) this.#leaving--;
    }, (error) => {
      this.#failure ??= error;
      this.#queue.stop("another connection failed");
    }).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #next(): Piece | undefined {
    return this.#failure === undefined ? this.#queue.next() : undefined;
  }

  /** Adds a connection while each of them is slow: then the connection is the limit, not this machine. */
  #grow(): void {
    if (this.#running.size >= this.#limit || !this.#options.probe.ranges) return;
    if (this.#queue.meanBytesPerSecond < fastBytesPerSecond) this.#connect();
  }

  /** One connection: brings pieces until none is left, or until it leaves (`true`) since the server wants fewer. */
  async #serve(first: Piece): Promise<boolean> {
    this.#queue.begin(first);
    const { folder } = this.#options;
    using file = await Deno.open(this.#file.path, { write: true }).catch((error) => {
      throw diskFailure(folder, error);
    });
    const connection: PieceSink = { file, folder };
    let response = first === this.#first ? this.#options.probe.response : undefined;
    for (let piece: Piece | undefined = first; piece !== undefined; piece = this.#next()) {
      this.#queue.begin(piece);
      try {
        const more = await this.#bring(piece, connection, response);
        if (!more) return true;
      } finally {
        this.#queue.end(piece);
      }
      response = undefined;
    }
    return false;
  }

  /** Brings a piece; `false` if the server wants fewer connections and this one should end. */
  async #bring(
    piece: Piece,
    connection: PieceSink,
    first: Response | undefined,
  ): Promise<boolean> {
    const { signal, meter, retry, request: { action }, probe } = this.#options;
    const retries = new PieceRetries(retry);
    let response = first;
    while (piece.at < piece.end) {
      const before = piece.at;
      try {
        let end = piece.end;
        if (response === undefined) ({ response, end } = await this.#source.get(before, piece.end));
        await this.#read(piece, end, response, connection);
        retries.refill();
      } catch (error) {
        signal.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure;
        if (error instanceof BusyError && this.#running.size - this.#leaving > 1) {
          this.#leaving++;
          this.#limit = this.#running.size - this.#leaving;
          this.#queue.giveBack(piece);
          return false;
        }
        if (isFatal(error)) throw error;
        // A stream without ranges cannot go on where it broke.
        if (!probe.ranges && piece.at > 0) throw new ChangedError((error as Error).message);
        if (piece.at > before) retries.refill();
        const waitMs = retries.next(error, { action, url: probe.url });
        meter.note(`${(error as Error).message}; going on from byte ${piece.at}`, "warning");
        await delay(waitMs, { signal });
      }
      response = undefined;
    }
    return true;
  }

  async #read(
    piece: Piece,
    end: number,
    response: Response,
    connection: PieceSink,
  ): Promise<void> {
    const part = end === piece.end ? piece : new Piece(piece.at, end);
    if (part !== piece) this.#queue.begin(part);
    try {
      await part.read(response, connection, (start, bytes) => this.#took(start, bytes));
    } finally {
      if (part !== piece) {
        this.#queue.end(part);
        if (part.end < end) {
          // Another connection took over the end of what was answered; what comes after it is still to be asked for.
          this.#queue.giveBack({ at: end, end: piece.end });
          piece.end = part.end;
        }
        piece.at = part.at;
      }
    }
  }

  #took(start: number, bytes: Uint8Array): void {
    const { check, probe } = this.#options;
    if (start === 0) check?.(bytes);
    this.#file.wrote(start, bytes);
    if ((probe.size ?? Infinity) < followFromBytes) return;
    this.#follower.grown(this.#file.extents.prefix);
  }
}

function isFatal(error: unknown): boolean {
  return error instanceof KedgeError && !(error instanceof BusyError);
}
