/**
 * Where the upload of a blob stands: the session at the registry, the bytes that it has, and the reader that is just behind them.
 *
 * Invariants: what is remembered for a later run is what the registry has; a session that is lost, in disorder, or does not say where it
 * is, is given up.
 *
 * @module
 */
import { KedgeError, UnreachableError } from "../../base/errors.ts";
import type { Descriptor } from "../descriptor.ts";
import type { HashedReader } from "../hashed_reader.ts";
import { rememberUpload, type UploadState } from "../memory.ts";
import { ChunkSize } from "./chunk_size.ts";
import type { RegistryHost } from "./registry_host.ts";
import { UploadClaim, uploadOwner } from "./upload_claim.ts";
import { askSession, dropSession, openSession, sessionState } from "./upload_session.ts";

/** What an {@linkcode UploadPosition} is made of. */
export interface UploadPositionOptions {
  /** The registry. */
  host: RegistryHost;
  /** The repository that is written. */
  repository: string;
  /** What is sent. */
  descriptor: Descriptor;
  /** Gives its bytes; goes back where the upload does. */
  reader: HashedReader;
  /** Whether it is large enough for chunks. */
  large: boolean;
  /** An upload that is open already, with what it has. */
  session?: { location: URL; offset: number } | undefined;
  /** Ends the asking. */
  signal?: AbortSignal | undefined;
}

/** Follows one upload. */
export class UploadPosition implements Disposable {
  #options: UploadPositionOptions;
  #location: URL | undefined;
  #offset: number;
  #isAskedInVain = false;
  /** Whether it goes on where the registry says that it is, and not where it was to be. */
  #isBelieved = false;
  #claim = new UploadClaim();

  /** Asks for nothing yet. */
  constructor(options: UploadPositionOptions) {
    this.#options = options;
    this.#location = options.session?.location;
    this.#offset = options.session?.offset ?? 0;
  }

  /** How many bytes the registry has. */
  get offset(): number {
    return this.#offset;
  }

  /** Where the next request goes; `undefined` where no session is open. */
  get location(): URL | undefined {
    return this.#location;
  }

  /** Whether it goes in chunks, so that it can be gone on with in its middle. */
  get chunked(): boolean {
    return this.#options.large && this.#options.host.habits.chunks;
  }

  /** Opens a session where there is none. */
  async open(): Promise<void> {
    const { host, repository, signal } = this.#options;
    if (this.#location === undefined) {
      const { location, minChunkBytes } = await openSession(host, repository, signal);
      this.#location = location;
      this.#offset = 0;
      if (minChunkBytes > host.habits.minChunkBytes) host.learn({ minChunkBytes });
    }
    if (this.chunked) this.#remember();
  }

  /** A chunk arrived, so that the registry has the bytes up to `end`. */
  arrived(response: Response, url: URL, end: number): void {
    const { host, reader } = this.#options;
    const { location, offset: told } = sessionState(host, response, url);
    this.#location = location;
    if (host.shown.chunks === undefined) host.learn({ chunks: true });
    // What went on where the registry was, by its own word, was right to believe it.
    if (this.#isBelieved) host.learn({ ownCount: false });
    this.#isBelieved = false;
    const { ownCount } = host.shown;
    if (told !== undefined && told !== end && ownCount === undefined) {
      host.learn({ ownCount: true });
    }
    const isPart = ownCount === false && told !== undefined && told > this.#offset && told < end;
    const next = isPart ? told : end;
    ChunkSize.with(host).took(end - this.#offset, next - this.#offset);
    this.#offset = next;
    if (told === undefined || told === end) reader.hold();
    if (this.#isAskedInVain) host.learn({ resumes: false });
    this.#isAskedInVain = false;
    this.#remember();
  }

  /**
   * Between two chunks, and once for each registry: finds out whether the upload can be asked for. One that could not be, and yet takes
   * the next chunk, was not lost.
   */
  async prove(): Promise<void> {
    const { host, repository, signal } = this.#options;
    if (!host.resumeProof.take()) return;
    try {
      const state = await askSession(host, repository, this.#location!, signal);
      if (state === undefined) this.#isAskedInVain = true;
      else host.learn({ resumes: true });
    } catch (error) {
      // What it answers to that is no reason to end an upload that goes well.
      if (!(error instanceof KedgeError)) throw error;
      this.#isAskedInVain = !(error instanceof UnreachableError);
    }
  }

  /** The blob is there: nothing is left to be gone on with. */
  done(): void {
    this.#claim.move(undefined);
    if (this.chunked) this.#keep(undefined);
  }

  /** After a failure in the middle: goes on where the registry is, or anew where it does not say. */
  async catchUp(): Promise<void> {
    const { host, descriptor, reader } = this.#options;
    await reader.rewind();
    const told = await this.#ask();
    if (told === undefined) {
      await this.anew();
      return;
    }
    if (host.habits.ownCount || told === "nothing") return;
    if (told > descriptor.size) await this.anew();
    else this.#goOn(told);
  }

  /**
   * After the registry refused a chunk for where it begins: goes on where it says that the upload is, also where its word counted for
   * nothing before, and anew where that is the very place.
   */
  async catchUpRefused(): Promise<void> {
    const { host, descriptor, reader } = this.#options;
    await reader.rewind();
    const told = await this.#ask();
    const isPlace = typeof told === "number" && told <= descriptor.size;
    if (!isPlace || told === this.#offset) {
      // Of where it is, and takes nothing, its word is worth nothing.
      if (this.#isBelieved || host.shown.ownCount === false) host.learn({ ownCount: true });
      await this.anew();
      return;
    }
    if (told > this.#offset) ChunkSize.with(host).took(Infinity, told - this.#offset);
    this.#goOn(told);
  }

  #goOn(told: number): void {
    this.#isBelieved = told < this.#offset;
    this.#offset = told;
  }

  /** Gives the session up at the registry too. */
  async abandon(): Promise<void> {
    const { host, repository } = this.#options;
    try {
      if (this.#location !== undefined) await dropSession(host, repository, this.#location);
    } finally {
      await this.anew();
    }
  }

  /** Goes back to the first byte, with no session. */
  async anew(): Promise<void> {
    await this.#options.reader.rewind();
    this.done();
    this.#location = undefined;
    this.#offset = 0;
    this.#isAskedInVain = false;
    this.#isBelieved = false;
  }

  /** How much the registry says that it has; `undefined` where the upload cannot be gone on with. */
  async #ask(): Promise<number | "nothing" | undefined> {
    const { host, repository, signal } = this.#options;
    if (!this.chunked || this.#location === undefined || !host.habits.resumes) return undefined;
    const state = await askSession(host, repository, this.#location, signal);
    if (state === undefined) return undefined;
    this.#location = state.location;
    return state.offset ?? "nothing";
  }

  /** Leaves the upload to whoever goes on with it. */
  [Symbol.dispose](): void {
    this.#claim[Symbol.dispose]();
  }

  #remember(): void {
    const { href: location } = this.#location!;
    this.#claim.move(location);
    this.#keep({ location, offset: this.#offset, owner: uploadOwner() });
  }

  #keep(state: UploadState | undefined): void {
    const { host: { host, memory }, repository, descriptor } = this.#options;
    rememberUpload(memory, `${host}/${repository}`, descriptor.digest, state);
  }
}
