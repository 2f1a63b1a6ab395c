/**
 * The moving into one store that kedge writes to itself.
 *
 * Invariants: NARs are sent as they are packed; then each narinfo appears after those of its references, and those that no other one needs at
 * the very end, whenever it was made ready; a narinfo that stands already is changed, not written over; what was refused is never left out
 * silently.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import { ExitCode, exitCodeOf, KedgeError, NotAllowedError, toError } from "../../base/errors.ts";
import { narKey } from "./binary_cache.ts";
import type { MoveClosureOptions, WrittenNarInfos } from "./move_options.ts";
import { fingerprint, type NarInfo } from "../nar/nar_info.ts";
import type { SpooledNar } from "../nar/nar_spool.ts";
import type { StagedObject } from "./object_store.ts";
import {
  differenceOf,
  isSignedBy,
  otherBuildError,
  type PathState,
  type StorePlan,
} from "./plan_store.ts";
import { signFingerprint } from "../signing_key.ts";
import type { SourcePath } from "../source_path.ts";
import type { StoreFailure } from "./store_failures.ts";

const failuresTillGivenUp = 3;

/** The moving into one store. */
export class StoreMove {
  readonly failures: StoreFailure[] = [];
  readonly #plan: StorePlan;
  readonly #options: MoveClosureOptions;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #nars = new Map<Digest, SpooledNar>();
  readonly #wanted: Set<Digest>;

  constructor(plan: StorePlan, options: MoveClosureOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#wanted = new Set(
      plan.states.filter((state) => state.sendNar).map((state) => state.source.narHash),
    );
    for (const { narThere } of plan.states) {
      if (narThere !== undefined) this.#nars.set(narThere.narHash, narThere);
    }
  }

  /** Writes `nix-cache-info` where it is missing. */
  async begin(): Promise<void> {
    const { store, putInfo, states } = this.#plan;
    const storeDir = states[0]?.source.storePath.storeDir;
    if (!putInfo || storeDir === undefined) return;
    await this.#attempt(
      undefined,
      () =>
        store.cache.putInfo({ storeDir, wantMassQuery: true, priority: 40 }, {
          signal: this.#signal,
        }),
    );
  }

  wants(narHash: Digest): boolean {
    return this.#wanted.has(narHash) && !this.#stop.signal.aborted;
  }

  /** Sends one packed NAR. */
  async send(source: SourcePath, nar: SpooledNar): Promise<void> {
    const { cache } = this.#plan.store;
    const { meter, packing, record } = this.#options;
    const path = source.storePath.path;
    await this.#attempt(path, async () => {
      const object = { store: cache.url, fileHash: nar.fileHash, fileSize: nar.fileSize };
      record(path, "sending", object);
      using progress = meter.object(`${path} -> ${cache.url}`, nar.fileSize);
      await cache.writer.putFile(
        narKey(nar.fileHash, packing.compression),
        {
          path: nar.path,
          size: nar.fileSize,
          digest: nar.fileHash,
          fresh: nar.fresh ?? false,
          lasting: true,
        },
        progress,
        { signal: this.#signal },
      );
      this.#nars.set(nar.narHash, nar);
      record(path, "sent", object);
    });
  }

  /** Writes the narinfos, each after those of its references, the roots last. */
  async finish(): Promise<WrittenNarInfos> {
    const { states, store } = this.#plan;
    const flush = () => this.#attempt(undefined, async () => await store.cache.writer.flush?.());
    const written = new Map<string, NarInfo>();
    // No narinfo is seen before its NAR is sure to last.
    const flushed = flush();
    const staging = new Map(states.map((state) => [state, this.#stage(state)]));
    const done = new Map<string, Promise<boolean>>();
    const needed = neededNames(states);
    const write = async (state: PathState): Promise<boolean> => {
      const { source } = state;
      await using staged = await staging.get(state)!;
      if (!await flushed) return false;
      const before = source.references
        .filter((reference) => reference !== source.storePath.baseName)
        .map((reference) => done.get(reference) ?? Promise.resolve(true));
      const ready = await Promise.all(before);
      if (!needed.has(source.storePath.baseName)) ready.push(await allInner);
      if (!ready.every(Boolean)) return false;
      if (state.gap === undefined) return true;
      return await this.#attempt(source.storePath.path, async () => {
        if (state.sendNar && !this.#nars.has(source.narHash)) return false;
        const { record } = this.#options;
        const object = { store: this.#plan.store.cache.url };
        record(source.storePath.path, "writing narinfo", object);
        written.set(source.storePath.baseName, await this.#write(state, staged));
        record(source.storePath.path, "narinfo written", object);
        return true;
      });
    };
    const isTop = ({ source }: PathState) => !needed.has(source.storePath.baseName);
    const tops = states.filter(isTop);
    const inner = states.filter((state) => !isTop(state)).map((state) => {
      const outcome = write(state);
      done.set(state.source.storePath.baseName, outcome);
      return outcome;
    });
    const allInner = Promise.all(inner).then((outcomes) => outcomes.every(Boolean));
    for (const state of tops) done.set(state.source.storePath.baseName, write(state));
    await Promise.all(done.values());
    await flush();
    return written;
  }

  /** Makes a narinfo that is to be written anew ready before its turn, and durable where the store can. */
  async #stage({ source, gap, sendNar, standing }: PathState): Promise<StagedNarInfo> {
    const idle = gap === undefined || standing !== undefined ||
      (sendNar && !this.#nars.has(source.narHash));
    if (idle) return unstaged;
    const { cache, limit } = this.#plan.store;
    const stage = (info: NarInfo) => cache.stageNarInfo(info, { signal: this.#signal });
    try {
      const info = await this.#signed(this.#narInfo(source, undefined));
      const object = cache.writer.stage === undefined
        ? undefined
        : await limit.run(() => stage(info), this.#signal);
      return { ...unstaged, info, ...(object === undefined ? {} : withObject(object)) };
    } catch (error) {
      return { ...unstaged, error };
    }
  }

  /** Writes the narinfo of a path, or changes the one that stands. */
  async #write({ source, standing }: PathState, staged: StagedNarInfo): Promise<NarInfo> {
    const { cache } = this.#plan.store;
    const options = { signal: this.#signal };
    if (standing !== undefined) {
      return await cache.replaceNarInfo(source.storePath.hashPart, async (now = standing) => {
        const difference = differenceOf(now, source);
        if (difference !== undefined) throw otherBuildError(source, cache.url, now, difference);
        return await this.#signed(this.#narInfo(source, now));
      }, options);
    }
    if (staged.info === undefined) throw staged.error;
    if (staged.object === undefined) await cache.putNarInfo(staged.info, options);
    else await staged.object.appear();
    return staged.info;
  }

  /** What the narinfo must say: of the NAR that was sent, or of the one that stands. */
  #narInfo(source: SourcePath, standing: NarInfo | undefined): NarInfo {
    const nar = this.#nars.get(source.narHash);
    if (nar === undefined && standing !== undefined) return standing;
    if (nar === undefined) {
      throw new KedgeError(`Cannot describe "${source.storePath.path}": its NAR is not known`);
    }
    const { compression } = this.#options.packing;
    // Whoever asks for a path by its catalog entry knows neither.
    const { deriver = standing?.deriver, ca = standing?.ca } = source;
    return {
      storePath: source.storePath,
      url: narKey(nar.fileHash, compression),
      compression,
      fileHash: nar.fileHash,
      fileSize: nar.fileSize,
      narHash: source.narHash,
      narSize: source.narSize,
      references: source.references,
      ...(deriver === undefined ? {} : { deriver }),
      signatures: [...new Set([...source.signatures, ...(standing?.signatures ?? [])])],
      ...(ca === undefined ? {} : { ca }),
    };
  }

  async #signed(info: NarInfo): Promise<NarInfo> {
    const added: string[] = [];
    for (const key of this.#plan.store.keys) {
      if (!await isSignedBy(info, key.publicKey)) {
        added.push(await signFingerprint(key, fingerprint(info)));
      }
    }
    // A key that is named twice signs once.
    return { ...info, signatures: [...new Set([...info.signatures, ...added])] };
  }

  async #attempt(path: string | undefined, work: () => Promise<boolean | void>): Promise<boolean> {
    if (this.#stop.signal.aborted) return false;
    try {
      return await this.#plan.store.limit.run(work, this.#signal) ?? true;
    } catch (thrown) {
      if (this.#signal.aborted) return false;
      const store = this.#plan.store.cache.url;
      this.failures.push({ store, error: thrown, ...(path === undefined ? {} : { path }) });
      this.#options.record(path ?? store, "failed", { store, message: toError(thrown).message });
      const hopeless = thrown instanceof NotAllowedError || exitCodeOf(thrown) === ExitCode.noRoom;
      if (hopeless || this.failures.length >= failuresTillGivenUp) this.#stop.abort();
      return false;
    }
  }
}

/** A narinfo that waits for its turn, or why there is none. */
interface StagedNarInfo extends AsyncDisposable {
  info?: NarInfo;
  object?: StagedObject;
  error?: unknown;
}

const unstaged: StagedNarInfo = { [Symbol.asyncDispose]: () => Promise.resolve() };

function withObject(object: StagedObject): StagedNarInfo {
  return { object, [Symbol.asyncDispose]: () => object[Symbol.asyncDispose]() };
}

/** The base names that another path of the closure refers to. */
function neededNames(states: readonly PathState[]): Set<string> {
  return new Set(
    states.flatMap(({ source }) =>
      source.references.filter((reference) => reference !== source.storePath.baseName)
    ),
  );
}
