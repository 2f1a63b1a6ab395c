/**
 * Brings what stores lack of a closure.
 *
 * Invariants: each NAR is packed once, however many stores lack it; in every store the NARs come first, largest first, then a narinfo
 * after those of its references, and those that no other one needs at the very end; a store that fails holds up no other one; what was
 * refused is never left out silently.
 *
 * @module
 */
import { ExitCode, exitCodeOf, NotAllowedError, toError } from "../base/errors.ts";
import type { Digest } from "../base/digest.ts";
import type { Meter } from "../base/meter.ts";
import { narKey } from "./binary_cache.ts";
import type { NarPacking } from "./compression.ts";
import { fingerprint, type NarInfo } from "./nar_info.ts";
import type { NarPacker } from "./nar_packer.ts";
import type { NarSpool, SpooledNar } from "./nar_spool.ts";
import { isSignedBy, type PathState, type StorePlan } from "./plan_store.ts";
import { signFingerprint } from "./signing_key.ts";
import type { SourcePath } from "./source_path.ts";
import type { StorePusher } from "./store_pusher.ts";
import { type StoreFailure, storeFailuresError } from "./store_failures.ts";

/** What moving needs. */
export interface MoveClosureOptions {
  /** How NARs are packed. */
  packing: NarPacking;
  /** Packs them. */
  packer: NarPacker;
  /** Keeps them. */
  spool: NarSpool;
  /** Told of every byte. */
  meter: Meter;
  /** Writes down what was done. */
  record: (object: string, state: string, detail?: Record<string, unknown>) => void;
  /** Ends the moving. */
  signal: AbortSignal;
}

/** What was written to a store: the narinfo of each path that lacked something, by base name. */
export type WrittenNarInfos = ReadonlyMap<string, NarInfo>;

const failuresTillGivenUp = 3;

/**
 * Moves all that the plans name.
 *
 * @returns for each plan, what was written
 * @throws {KedgeError} the error of {@linkcode storeFailuresError} if a store failed
 */
export async function moveClosure(
  plans: readonly StorePlan[],
  options: MoveClosureOptions,
): Promise<WrittenNarInfos[]> {
  const { signal, meter } = options;
  const stores = plans.map((plan) =>
    plan.store.pusher === undefined
      ? new StoreMove(plan, options)
      : new StorePush(plan, plan.store.pusher, options)
  );
  for (const { sendNar, standing, narThere } of plans.flatMap((plan) => plan.states)) {
    if (!sendNar) meter.reused(narThere?.fileSize ?? standing?.fileSize ?? 0);
  }
  const sources = new Map<Digest, SourcePath>();
  const written = plans.filter((plan) => plan.store.pusher === undefined);
  for (const { source, sendNar } of written.flatMap((plan) => plan.states)) {
    if (sendNar && !sources.has(source.narHash)) sources.set(source.narHash, source);
  }
  const queue = [...sources.values()].sort((a, b) => b.narSize - a.narSize);
  const begun = stores.map((store) => store.begin());
  const sending: Promise<void>[] = [];
  const packers = Array.from({ length: options.packer.concurrency }, async () => {
    for (let source = queue.shift(); source !== undefined; source = queue.shift()) {
      signal.throwIfAborted();
      const wanting = stores.filter((store) => store.wants(source.narHash));
      if (wanting.length === 0) continue;
      const nar = await spooled(source, options);
      sending.push(...wanting.map((store) => store.send(source, nar)));
    }
  });
  const packed = await Promise.allSettled(packers);
  await Promise.all([...begun, ...sending]);
  signal.throwIfAborted();
  const failed = packed.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const infos = await Promise.all(stores.map((store) => store.finish()));
  signal.throwIfAborted();
  const failures = stores.flatMap((store) => store.failures);
  if (failures.length > 0) throw storeFailuresError(failures);
  return infos;
}

async function spooled(source: SourcePath, options: MoveClosureOptions): Promise<SpooledNar> {
  const { spool, packing, packer, record } = options;
  const standing = await spool.find(source.narHash, packing);
  if (standing !== undefined) return standing;
  const label = source.storePath.path;
  await using lease = await spool.lease();
  const { narHash, narSize } = source;
  const packed = await packer.pack({
    source: source.files,
    file: lease.path,
    packing,
    label,
    narHash,
    narSize,
  });
  const kept = await spool.keep(lease.path, packed, packing, label);
  record(label, "packed", { fileHash: kept.fileHash, fileSize: kept.fileSize });
  return kept;
}

/** The moving into a store that a program of somebody else writes to. */
class StorePush {
  readonly failures: StoreFailure[] = [];
  readonly #plan: StorePlan;
  readonly #pusher: StorePusher;
  readonly #options: MoveClosureOptions;

  constructor(plan: StorePlan, pusher: StorePusher, options: MoveClosureOptions) {
    this.#plan = plan;
    this.#pusher = pusher;
    this.#options = options;
  }

  async begin(): Promise<void> {
    const { store, states } = this.#plan;
    const { meter, record, signal } = this.#options;
    const paths = states.filter((state) => state.gap !== undefined).map((state) => state.source);
    if (paths.length === 0) return;
    try {
      await this.#pusher.push(paths, { meter, record, signal });
    } catch (error) {
      if (!signal.aborted) this.failures.push({ store: store.cache.url, error });
    }
  }

  wants(): boolean {
    return false;
  }

  async send(): Promise<void> {}

  finish(): Promise<WrittenNarInfos> {
    return Promise.resolve(new Map());
  }
}

/** The moving into one store. */
class StoreMove {
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
        { path: nar.path, size: nar.fileSize, digest: nar.fileHash, fresh: nar.fresh ?? false },
        progress,
        { signal: this.#signal },
      );
      this.#nars.set(nar.narHash, nar);
      record(path, "sent", object);
    });
  }

  /** Writes the narinfos, each after those of its references, the roots last. */
  async finish(): Promise<WrittenNarInfos> {
    const { states } = this.#plan;
    const written = new Map<string, NarInfo>();
    const done = new Map<string, Promise<boolean>>();
    const needed = neededNames(states);
    const write = async (state: PathState): Promise<boolean> => {
      const { source } = state;
      const before = source.references
        .filter((reference) => reference !== source.storePath.baseName)
        .map((reference) => done.get(reference) ?? Promise.resolve(true));
      const ready = await Promise.all(before);
      if (!needed.has(source.storePath.baseName)) ready.push(await allInner);
      if (!ready.every(Boolean)) return false;
      if (state.gap === undefined) return true;
      const info = await this.#narInfo(state);
      if (info === undefined) return false;
      return await this.#attempt(source.storePath.path, async () => {
        await this.#plan.store.cache.putNarInfo(info, { signal: this.#signal });
        written.set(source.storePath.baseName, info);
        this.#options.record(source.storePath.path, "narinfo written", {
          store: this.#plan.store.cache.url,
        });
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
    return written;
  }

  async #narInfo(state: PathState): Promise<NarInfo | undefined> {
    const { source, standing, sendNar } = state;
    const nar = this.#nars.get(source.narHash);
    const { keys } = this.#plan.store;
    let base: NarInfo;
    if (nar !== undefined) {
      const { compression } = this.#options.packing;
      base = {
        storePath: source.storePath,
        url: narKey(nar.fileHash, compression),
        compression,
        fileHash: nar.fileHash,
        fileSize: nar.fileSize,
        narHash: source.narHash,
        narSize: source.narSize,
        references: source.references,
        ...(source.deriver === undefined ? {} : { deriver: source.deriver }),
        signatures: [...new Set([...source.signatures, ...(standing?.signatures ?? [])])],
        ...(source.ca === undefined ? {} : { ca: source.ca }),
      };
    } else if (!sendNar && standing !== undefined) {
      base = standing;
    } else {
      return undefined;
    }
    const added: string[] = [];
    for (const key of keys) {
      if (!await isSignedBy(base, key.publicKey)) {
        added.push(await signFingerprint(key, fingerprint(base)));
      }
    }
    return { ...base, signatures: [...base.signatures, ...added] };
  }

  async #attempt(path: string | undefined, work: () => Promise<void>): Promise<boolean> {
    if (this.#stop.signal.aborted) return false;
    try {
      await this.#plan.store.limit.run(work, this.#signal);
      return true;
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

/** The base names that another path of the closure refers to. */
function neededNames(states: readonly PathState[]): Set<string> {
  return new Set(
    states.flatMap(({ source }) =>
      source.references.filter((reference) => reference !== source.storePath.baseName)
    ),
  );
}
