/**
 * Packs NARs, several at once.
 *
 * Invariants: small NARs are packed where they are asked for, large ones on at most two threads, which start with the first
 * large one; xz is made by the program of that name; whatever was packed is compared with the hash that it must have; an
 * abort ends the threads.
 *
 * @module
 */
import { Hasher, sameDigest } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { KedgeError, UsageError, VerificationError } from "../../base/errors.ts";
import { runProcess } from "../../base/process_group.ts";
import { narStream } from "./nar_stream.ts";
import { packNar, type PackRequest } from "./pack_nar.ts";
import type { PackedNar } from "./packed_nar.ts";
import type { PackAnswer, PackQuestion } from "./pack_worker.ts";

/** What is to be packed, and what it must turn out to be. */
export interface PackOrder extends PackRequest {
  /** The store path, for messages. */
  label: string;
  /** The hash that the NAR must have. */
  narHash: Digest;
  /** The size that the NAR must have, in bytes. */
  narSize: number;
}

const smallBytes = 1024 * 1024;
const threads = 2;

/** Packs NARs until it is disposed of. */
export class NarPacker implements Disposable {
  #idle: Worker[] = [];
  #all: Worker[] = [];
  #waiting: ((worker: Worker) => void)[] = [];
  #signal: AbortSignal;
  /** Is rejected when a thread broke down: whoever waits for any of them then stops waiting. */
  #failed: Promise<never>;
  #fail: (error: Error) => void;

  /** Starts no thread yet. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined);
    this.#failed = failed.promise;
    this.#fail = failed.reject;
  }

  /** Starts a thread now, while there is nothing to do yet; the other one starts when both are wanted. */
  warm(): void {
    if (this.#all.length === 0) this.#idle.push(this.#startWorker());
  }

  /** How many orders are worth being under way at once: more than there are threads, so that none waits for a disk. */
  readonly concurrency = 4 * threads;

  /**
   * Packs one path.
   *
   * @throws {VerificationError} if the NAR is not what it must be: the path was changed
   */
  async pack(order: PackOrder): Promise<PackedNar> {
    this.#signal.throwIfAborted();
    const packed = order.packing.compression === "xz"
      ? await this.#packWithProgram(order)
      : this.onThread(order.narSize)
      ? await this.#packOnThread(order)
      : packNar(order);
    if (packed.narSize === order.narSize && sameDigest(packed.narHash, order.narHash)) {
      return packed;
    }
    throw new VerificationError(
      `Cannot publish "${order.label}": its NAR has the hash ${packed.narHash} instead of ${order.narHash}`,
      {
        side: "source",
        hint: "the path was changed after it was built; nix store verify --repair repairs it",
        data: { expected: order.narHash, actual: packed.narHash },
      },
    );
  }

  /** Whether so many bytes are worth a thread. */
  onThread(bytes: number): boolean {
    return bytes > smallBytes;
  }

  /** The sha256 of a file; a large one is read on a thread. */
  async hash(path: string, size: number): Promise<Digest> {
    if (!this.onThread(size)) return this.#hashHere(path);
    const answer = await this.#ask({ hash: path });
    if ("digest" in answer) return answer.digest;
    throw new KedgeError(`Cannot hash "${path}": the thread answered something else`);
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    for (const worker of this.#all) worker.terminate();
    this.#all = [];
    this.#idle = [];
  }

  #hashHere(path: string): Digest {
    return new Hasher().update(Deno.readFileSync(path)).digest();
  }

  async #packOnThread({ source, file, packing }: PackOrder): Promise<PackedNar> {
    const answer = await this.#ask({ source, file, packing });
    if ("packed" in answer) return answer.packed;
    throw new KedgeError(`Cannot pack "${source}": the thread answered something else`);
  }

  async #ask(question: PackQuestion): Promise<PackAnswer> {
    const worker = await this.#takeWorker();
    const { promise, resolve, reject } = Promise.withResolvers<PackAnswer>();
    const stop = () => {
      worker.terminate();
      reject(this.#signal.reason);
    };
    this.#signal.addEventListener("abort", stop, { once: true });
    worker.onmessage = ({ data }: MessageEvent<PackAnswer>) => {
      if (!("error" in data)) return resolve(data);
      const error = new KedgeError(data.error.message);
      reject(
        data.error.code === undefined ? error : Object.assign(error, { code: data.error.code }),
      );
    };
    this.#failed.catch(reject);
    try {
      this.#signal.throwIfAborted();
      worker.postMessage(question);
      return await promise;
    } finally {
      this.#signal.removeEventListener("abort", stop);
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(worker);
      else next(worker);
    }
  }

  async #takeWorker(): Promise<Worker> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#all.length < threads) return this.#startWorker();
    const freed = new Promise<Worker>((resolve) => this.#waiting.push(resolve));
    return await Promise.race([freed, this.#failed]);
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL("./pack_worker.ts", import.meta.url).href, {
      type: "module",
    });
    this.#all.push(worker);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new KedgeError(`Cannot pack on a thread: ${event.message}`));
    };
    return worker;
  }

  async #packWithProgram({ source, file, packing }: PackOrder): Promise<PackedNar> {
    const nar = new Hasher();
    const packed = new Hasher();
    using output = await Deno.open(file, { write: true, createNew: true });
    const hashing = new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        nar.update(piece);
        controller.enqueue(piece);
      },
    });
    try {
      const { code, stderr } = await runProcess("xz", {
        args: ["--compress", "--stdout", "--threads=2", `-${packing.level}`],
        stdin: narStream(source, { signal: this.#signal }).pipeThrough(hashing),
        onStdout: async (piece) => {
          packed.update(piece);
          for (let offset = 0; offset < piece.length;) {
            offset += await output.write(piece.subarray(offset));
          }
        },
        signal: this.#signal,
      });
      if (code !== 0) {
        throw new KedgeError(
          `Cannot pack "${source}": xz ended with code ${code} (${stderr.trim()})`,
        );
      }
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      throw new UsageError(`Cannot compress with xz: the program is not installed`, {
        cause,
        hint: "install xz, or take --compression zstd",
      });
    }
    return {
      narHash: nar.digest(),
      narSize: nar.size,
      fileHash: packed.digest(),
      fileSize: packed.size,
    };
  }
}
