/**
 * Brings one object over several connections into a folder.
 *
 * Invariants: the folder belongs to this download alone; the bytes of one file are of one version of the object, or a pinned digest
 * says at the end that they are not; what was received stays for the next run, whatever ends this one; a connection that
 * brings nothing ends; the digest is of the bytes that lie in the file.
 *
 * @module
 */
import { delay } from "@std/async";
import { type Digest, sameDigest } from "../base/digest.ts";
import { KedgeError, UnreachableError } from "../base/errors.ts";
import { checkFreeBytes } from "../base/disk_space.ts";
import type { Meter, ObjectMeter } from "../base/meter.ts";
import type { HttpClient } from "./client.ts";
import { displayUrl } from "./display_url.ts";
import { PartialFile } from "./partial_file.ts";
import { Piece } from "./piece.ts";
import { remainingPieces } from "./plan_pieces.ts";
import { PrefixHasher } from "./prefix_hasher.ts";
import { type FoundProbe, probe as probeUrl, type ProbeRequest } from "./probe.ts";
import { BusyError, ChangedError, RangeSource } from "./range_source.ts";
import { defaultRetryPolicy, retryDelayMs, type RetryPolicy } from "./retry_policy.ts";
import type { Validators } from "./validators.ts";

/** The most connections of one download. */
export const defaultConnections = 8;

/** What a download is made of. */
export interface DownloadOptions {
  /** Sends the requests. */
  client: HttpClient;
  /** What was asked first. */
  request: ProbeRequest;
  /** The answer to it. */
  probe: FoundProbe;
  /** A folder that belongs to this download alone; it holds the partial data. */
  folder: string;
  /** By what the source is known in the control file. */
  source: string;
  /** The digest that the contents must have, where it is known. */
  digest?: Digest;
  /** The most connections at a time. @default {8} */
  connections?: number;
  /** Takes notes. */
  meter: Meter;
  /** Takes the progress. */
  object: ObjectMeter;
  /** Sees the first bytes of the contents before anything else is asked for; throws if they are wrong. */
  check?: (firstBytes: Uint8Array) => void;
  /** How a piece is tried again that brings nothing. */
  retry?: RetryPolicy;
  /** How long a connection may bring nothing, in milliseconds. @default {30_000} */
  idleTimeoutMs?: number;
  /** What a connection must bring on average over the idle timeout, in bytes a second. @default {1024} */
  minBytesPerSecond?: number;
  /** Ends the download; what came stays. */
  signal: AbortSignal;
}

/** What was brought. */
export interface Downloaded {
  /** The file, within the folder; synced. */
  path: string;
  /** The digest of all of its bytes. */
  digest: Digest;
  /** Its size in bytes. */
  size: number;
  /** By what this version is known. */
  validators: Validators;
}

const startConnections = 4;
const fastBytesPerSecond = 100 * 1024 * 1024;
const bufferBytes = 1024 * 1024;
const workerFromBytes = 32 * 1024 * 1024;
const stealFromBytes = 4 * 1024 * 1024;
const stealFromMs = 1000;
const judgeAfterMs = 250;
const mostRestarts = 3;

/**
 * Downloads what a probe found. An object that changes meanwhile is begun anew, the last time over a single connection.
 *
 * @throws {UnreachableError} if a range could not be had in all tries
 * @throws {NoRoomError} if the disk has no room for it
 */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  let { probe } = options;
  for (let restarts = 0;; restarts++) {
    const resumed = probe.partial !== undefined;
    try {
      const found = await new Download({ ...options, probe }).run();
      const { digest } = options;
      if (!resumed || digest === undefined || sameDigest(digest, found.digest)) return found;
      options.meter.note(
        "what an earlier run left has the wrong digest; beginning anew",
        "warning",
      );
    } catch (error) {
      if (!(error instanceof ChangedError)) throw error;
      if (restarts >= mostRestarts) {
        throw new UnreachableError(
          `Cannot ${options.request.action} ${displayUrl(probe.url)}: ${error.message}, each time`,
          { cause: error },
        );
      }
      options.meter.note(`${error.message}; beginning anew`, "warning");
      const waitMs = retryDelayMs(
        options.retry ?? defaultRetryPolicy,
        restarts,
        undefined,
        Math.random,
      );
      await delay(waitMs, { signal: options.signal });
    }
    options.object.restarted();
    const { partial: _partial, unless: _unless, ...request } = options.request;
    const next = await probeUrl(options.client, {
      ...request,
      ranges: request.ranges !== false && restarts < mostRestarts - 1,
    });
    if (next.state === "unchanged") throw new ChangedError("the server answered 304 unasked");
    probe = next;
  }
}

/** One attempt. */
class Download {
  #options: DownloadOptions;
  #source: RangeSource;
  #queue: Piece[] = [];
  #active = new Set<Piece>();
  #running = new Set<Promise<void>>();
  #limit: number;
  #leaving = 0;
  #failure: unknown;
  #first: Piece | undefined;
  #file!: PartialFile;
  #hasher!: PrefixHasher;

  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#limit = options.connections ?? defaultConnections;
    this.#source = new RangeSource({
      client: options.client,
      probe: options.probe,
      ...(options.request.headers === undefined ? {} : { headers: options.request.headers }),
      action: options.request.action,
      digestKnown: options.digest !== undefined,
    });
  }

  async run(): Promise<Downloaded> {
    const { probe, folder, source } = this.#options;
    const control = probe.ranges && probe.size !== undefined
      ? { source, size: probe.size, ...probe.validators }
      : undefined;
    const done = probe.partial?.done ?? [];
    try {
      const present = done.reduce((sum, { start, end }) => sum + end - start, 0);
      if (probe.size !== undefined) checkFreeBytes(folder, probe.size - present);
      await using file = await PartialFile.open(folder, control, done);
      using hasher = new PrefixHasher(file.path, {
        worker: (probe.size ?? Infinity) >= workerFromBytes,
      });
      this.#file = file;
      this.#hasher = hasher;
      this.#options.object.reused(present);
      return await this.#transfer();
    } finally {
      if (!probe.response.bodyUsed) await probe.response.body?.cancel().catch(() => undefined);
    }
  }

  async #transfer(): Promise<Downloaded> {
    const { probe } = this.#options;
    const first = this.#first = new Piece(probe.start, probe.end ?? Infinity);
    this.#queue = remainingPieces(
      probe,
      this.#file.extents,
      this.#options.connections ?? defaultConnections,
    )
      .map(({ start, end }) => new Piece(start, end));
    const watchdog = setInterval(() => this.#watch(), this.#watchEveryMs());
    const growing = setInterval(() => this.#grow(), 100);
    try {
      this.#connect(first);
      for (let count = 1; count < Math.min(this.#limit, startConnections); count++) this.#connect();
      while (this.#running.size > 0) await Promise.race(this.#running);
      if (this.#failure !== undefined) throw this.#failure;
      const size = probe.size ?? first.end;
      if (this.#file.extents.prefix !== size) {
        throw new ChangedError(`only ${this.#file.extents.prefix} of ${size} bytes came`);
      }
      if (size === 0) this.#options.check?.(new Uint8Array());
      const digest = await this.#hasher.digest(size, this.#options.signal);
      await this.#file.save();
      return { path: this.#file.path, digest, size, validators: probe.validators };
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
      this.#fail(error);
    }).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #fail(error: unknown): void {
    if (this.#failure === undefined) this.#failure = error;
    this.#queue = [];
    for (const piece of this.#active) piece.stop("another connection failed");
  }

  /** One connection: brings pieces until none is left, or until it leaves (`true`) since the server wants fewer. */
  async #serve(first: Piece): Promise<boolean> {
    this.#active.add(first);
    using file = await Deno.open(this.#file.path, { write: true });
    let response = first === this.#first ? this.#options.probe.response : undefined;
    for (let piece: Piece | undefined = first; piece !== undefined; piece = this.#next()) {
      this.#active.add(piece);
      try {
        const more = await this.#bring(piece, file, response);
        if (!more) return true;
      } finally {
        this.#active.delete(piece);
      }
      response = undefined;
    }
    return false;
  }

  /** The next piece: one that waits, or the second half of the one that will take longest. */
  #next(): Piece | undefined {
    if (this.#failure !== undefined) return undefined;
    const waiting = this.#queue.shift();
    if (waiting !== undefined || !this.#options.probe.ranges) return waiting;
    let slowest: Piece | undefined;
    let longestMs = stealFromMs;
    for (const piece of this.#active) {
      if (!piece.isReading || performance.now() - piece.windowMs < judgeAfterMs) continue;
      const left = piece.end - piece.at;
      const leftMs = left / Math.max(1, piece.bytesPerSecond) * 1000;
      if (left >= stealFromBytes && Number.isFinite(left) && leftMs > longestMs) {
        slowest = piece;
        longestMs = leftMs;
      }
    }
    if (slowest === undefined) return undefined;
    const middle = Math.ceil((slowest.at + slowest.end) / 2);
    const half = new Piece(middle, slowest.end);
    slowest.end = middle;
    return half;
  }

  /** Brings a piece; `false` if the server wants fewer connections and this one should end. */
  async #bring(piece: Piece, file: Deno.FsFile, first: Response | undefined): Promise<boolean> {
    const { signal, meter, retry = defaultRetryPolicy, request, probe } = this.#options;
    let failures = 0;
    let response = first;
    while (piece.at < piece.end) {
      const before = piece.at;
      try {
        let end = piece.end;
        if (response === undefined) ({ response, end } = await this.#source.get(before, piece.end));
        await this.#read(piece, end, response, file);
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure;
        if (error instanceof BusyError && this.#running.size - this.#leaving > 1) {
          this.#leaving++;
          this.#limit = this.#running.size - this.#leaving;
          this.#queue.push(new Piece(piece.at, piece.end));
          return false;
        }
        if (isFatal(error) || !probe.ranges && piece.at > 0) throw this.#broken(error);
        if (piece.at > before) failures = 0;
        if (failures++ >= retry.retries) {
          throw new UnreachableError(
            `Cannot ${request.action} ${displayUrl(probe.url)}: ${
              (error as Error).message
            }, tried ${failures} times`,
            { cause: error, data: { url: displayUrl(probe.url), tried: failures } },
          );
        }
        const asked = error instanceof BusyError ? error.waitMs : undefined;
        const waitMs = retryDelayMs(retry, failures - 1, asked, Math.random);
        meter.note(`${(error as Error).message}; going on from byte ${piece.at}`, "warning");
        await delay(waitMs, { signal });
      }
      response = undefined;
    }
    return true;
  }

  /** A stream without ranges cannot go on where it broke. */
  #broken(error: unknown): unknown {
    return isFatal(error) ? error : new ChangedError((error as Error).message);
  }

  async #read(piece: Piece, end: number, response: Response, file: Deno.FsFile): Promise<void> {
    const { object, check } = this.#options;
    const part = end === piece.end ? piece : new Piece(piece.at, end);
    if (part !== piece) this.#active.add(part);
    try {
      await part.read(response, file, new ArrayBuffer(bufferBytes), (start, bytes) => {
        if (start === 0) check?.(bytes);
        this.#file.wrote(start, start + bytes.byteLength);
        this.#hasher.grown(this.#file.extents.prefix);
        object.moved(bytes.byteLength);
      });
    } finally {
      if (part !== piece) {
        this.#active.delete(part);
        piece.at = part.at;
      }
    }
  }

  #watchEveryMs(): number {
    return Math.min(1000, (this.#options.idleTimeoutMs ?? 30_000) / 4);
  }

  #watch(): void {
    const { idleTimeoutMs = 30_000, minBytesPerSecond = 1024 } = this.#options;
    const now = performance.now();
    for (const piece of this.#active) {
      if (!piece.isReading) continue;
      if (now - piece.progressMs >= idleTimeoutMs) {
        piece.stop(`no byte came within ${idleTimeoutMs} ms`);
      } else if (now - piece.windowMs >= idleTimeoutMs) {
        if (piece.bytesPerSecond < minBytesPerSecond) {
          piece.stop(`fewer than ${minBytesPerSecond} bytes a second came`);
        }
        piece.resetWindow();
      }
    }
  }

  /** Adds a connection while each of them is slow: then the connection is the limit, not this machine. */
  #grow(): void {
    if (this.#running.size >= this.#limit) return;
    const speeds = [...this.#active].map((piece) => piece.bytesPerSecond);
    const mean = speeds.reduce((sum, speed) => sum + speed, 0) / Math.max(1, speeds.length);
    if (mean < fastBytesPerSecond) this.#connect();
  }
}

function isFatal(error: unknown): boolean {
  return error instanceof KedgeError && !(error instanceof BusyError) ||
    (error as { code?: string }).code === "ENOSPC";
}
