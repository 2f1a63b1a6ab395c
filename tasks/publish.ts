/**
 * `publish()`: the closure to every store, the proof that it is there, and only then the catalog's entry.
 *
 * @module
 */
import { formatBytes } from "../lib/base/bytes.ts";
import { sha256 } from "../lib/base/digest.ts";
import { UsageError } from "../lib/base/errors.ts";
import type { Meter } from "../lib/base/meter.ts";
import type { Secret } from "../lib/base/secret.ts";
import type { Catalog } from "../lib/catalog/catalog.ts";
import {
  type CatalogEntry,
  type CatalogEntryDraft,
  checkEntryName,
  entryId,
} from "../lib/catalog/catalog_entry.ts";
import { openCatalog, prepareCatalog } from "../lib/catalog/open_catalog.ts";
import { type NarCompression, type NarPacking, packedBound } from "../lib/nix/compression.ts";
import { FileObjects } from "../lib/nix/file_objects.ts";
import { pinClosure } from "../lib/nix/file_pins.ts";
import { moveClosure, type WrittenNarInfos } from "../lib/nix/move_closure.ts";
import { NarPacker } from "../lib/nix/nar_packer.ts";
import type { NarSpool } from "../lib/nix/nar_spool.ts";
import { defaultRetryPolicy, type RetryPolicy } from "../lib/http/retry_policy.ts";
import { openStore, prepareStore } from "../lib/nix/open_store.ts";
import { planStore, type StorePlan } from "../lib/nix/plan_store.ts";
import { resolveSources, type Sources } from "../lib/nix/resolve_sources.ts";
import type { SourcePath } from "../lib/nix/source_path.ts";
import { storeFailuresError } from "../lib/nix/store_failures.ts";
import { type StoreProof, type VerifyDepth, verifyStore } from "../lib/nix/verify_store.ts";
import type { Figures, Plan, PlannedObject } from "../lib/operation/figures.ts";
import type { Operation, Step } from "../lib/operation/operation.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../lib/runner/context.ts";
import type { SecretSource } from "../lib/runner/secrets.ts";
import { checkedPacking, loadSigningKeys, parseStores } from "./publish_options.ts";
import { PublishSpool } from "./publish_spool.ts";

/** Where a signing key is: a file, an environment variable, a command, or a secret that was read already. */
export type SigningKeySource = SecretSource | Secret;

/** Options of {@linkcode publish}. */
export interface PublishOptions {
  /** The package: letters, digits and `+ . _ -`. */
  name: string;
  /** Its version, of the same letters. */
  version: string;
  /** Store paths, links to them, flake outputs, derivations, or plain folders and files. */
  paths: readonly string[];
  /** Where the closure goes: `file:///DIR`, `http(s)://...`, `s3://...`. */
  stores: readonly string[];
  /** Where the entry goes at the very end: `sqlite:///FILE`, `http(s)://...`, or a catalog of your own. */
  catalog: string | Catalog;
  /** Signs every narinfo; several keys sign each. */
  signingKey?: SigningKeySource | readonly SigningKeySource[] | undefined;
  /** How NARs are packed. @default {"zstd"} */
  compression?: NarCompression | undefined;
  /** How hard: 1 to 19 for zstd, 0 to 9 for xz. @default {3 for zstd, 6 for xz} */
  level?: number | undefined;
  /** The system that the package runs on. @default {that of this machine} */
  system?: string | undefined;
  /** How deep the proof goes: NARs are there with their size, or every byte of them is read back. @default {"present"} */
  verify?: VerifyDepth | undefined;
  /** How long what was written may take to be seen where readers look, in milliseconds. @default {0} */
  propagationMs?: number | undefined;
  /** Whether other builds of the same store paths are replaced in the stores. @default {false} */
  replace?: boolean | undefined;
  /** How requests are tried again. @default {four times, 250 ms doubling to at most 20 s} */
  retry?: Partial<RetryPolicy> | undefined;
  /** How long a connection may stand still before it is given up, in milliseconds. @default {120_000} */
  stallMs?: number | undefined;
  /** How Nix is run, where it is needed. */
  nix?: PublishNixOptions | undefined;
}

/** How Nix is run. */
export interface PublishNixOptions {
  /** The program. @default {"nix"} */
  program?: string;
  /** The Nix store that paths come from: `local?root=/mnt`. */
  store?: string;
  /** Variables added to its environment. */
  env?: Readonly<Record<string, string>>;
}

/** What was published. */
export interface PublishResult extends Figures {
  /** The entry's id: `name@version/system`. */
  id: string;
  /** The store paths that were asked for. */
  storePaths: readonly string[];
  /** How many paths the closure has. */
  closurePaths: number;
  /** The sizes of all NARs of the closure together, in bytes. */
  closureBytes: number;
  /** For each store, where it is and the proof, once it was made. */
  stores: readonly PublishedStore[];
}

/** How one store stands. */
export interface PublishedStore {
  /** The store, without secrets. */
  store: string;
  /** How many paths were missing or incomplete there. */
  missing: number;
  /** When all of the closure was proven to be there, in ISO 8601. */
  provenAt?: string;
}

/**
 * Publishes a closure: brings what is missing to every store, proves every narinfo and NAR to be there, and only then writes the
 * catalog's entry.
 *
 * The second run moves nothing and says why. A run that was killed goes on with the same call: what is proven is not sent again, what was packed is
 * not packed again.
 *
 * ```ts
 * import { publish } from "@kedge/kedge";
 *
 * const dir = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${dir}/hello.txt`, "hello");
 * const { id } = await publish({
 *   name: "hello",
 *   version: "1.0.0",
 *   paths: [`${dir}/hello.txt`],
 *   stores: [`file://${dir}/cache`],
 *   catalog: `sqlite://${dir}/catalog.db`,
 * });
 * ```
 *
 * @throws {UsageError} if an option is wrong, before anything moves
 * @throws {IncompleteError} if a store lacks something in the end; nothing was committed then
 * @throws {VerificationError} if what a store gives back is not what was written
 */
export async function publish(
  options: PublishOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishResult> {
  const context = resolveContext(ctx);
  const { name, version, paths, stores } = options;
  const system = options.system ?? thisSystem();
  checkEntryName({ name, version, system });
  if (paths.length === 0) throw new UsageError("Cannot publish nothing: paths is empty");
  if (stores.length === 0) throw new UsageError("Cannot publish to no store: stores is empty");
  const packing = checkedPacking(options.compression, options.level);
  const uris = parseStores(stores, packing);
  const keys = await loadSigningKeys(options.signingKey, uris, context);
  const prepared = await Promise.all(uris.map(prepareStore));
  const named = typeof options.catalog === "string"
    ? await prepareCatalog(options.catalog)
    : undefined;
  for (
    const secret of [
      ...prepared.flatMap(({ credentials, read }) => [credentials, read?.credentials])
        .flatMap((credentials) => credentials?.secrets ?? []),
      ...named?.secrets ?? [],
    ]
  ) context.redactor.add(secret);
  const { signal } = context;
  const retry = { ...defaultRetryPolicy, ...options.retry };
  using packer = new NarPacker(signal);
  await using spool = new PublishSpool(context.cache);
  await using opened = new AsyncDisposableStack();
  const operation = new PublishOperation({
    options: { ...options, system },
    context,
    packing,
    packer,
    spool,
    opened,
    openCatalog: (meter) =>
      typeof options.catalog === "string"
        ? opened.use(openCatalog(named!, { meter, signal, retry, timeoutMs: options.stallMs }))
        : counting(options.catalog, meter),
    openStores: (meter) =>
      prepared.map((store) =>
        opened.use(openStore(store, {
          keys: [...keys.everywhere, ...keys.ofStore.get(store.uri) ?? []],
          publicKeys: [],
          propagationMs: options.propagationMs ?? (store.read === undefined ? 0 : 30_000),
          retry,
          stallMs: options.stallMs,
          nix: options.nix,
          sessions: spool,
          meter,
          signal,
        }))
      ),
  });
  return await runOperation(operation, context);
}

/** Pins a closure; that the folder cannot be written to is told when something is written into it. */
async function pinIn(
  dir: string,
  closure: readonly SourcePath[],
  by: string,
): Promise<AsyncDisposable> {
  try {
    return await pinClosure(dir, closure, by);
  } catch (error) {
    if (typeof (error as { code?: unknown }).code !== "string") throw error;
    return { [Symbol.asyncDispose]: () => Promise.resolve() };
  }
}

/** A catalog of the user's own, whose requests are counted by what it says of itself. */
function counting(catalog: Catalog, meter: Meter): Catalog {
  const count = () => {
    for (let i = 0; i < catalog.requestsEach; i++) meter.request();
  };
  return {
    url: catalog.url,
    requestsEach: catalog.requestsEach,
    find: (...args) => (count(), catalog.find(...args)),
    commit: (...args) => (count(), catalog.commit(...args)),
    list: (...args) => (count(), catalog.list(...args)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** The system that this machine is: `x86_64-linux`. */
export function thisSystem(): string {
  return `${Deno.build.arch}-${Deno.build.os}`;
}

interface PublishParts {
  options: PublishOptions & { system: string };
  context: TaskContext;
  packing: NarPacking;
  packer: NarPacker;
  spool: NarSpool;
  opened: AsyncDisposableStack;
  openCatalog: (meter: Meter) => Catalog;
  openStores: (meter: Meter) => StorePlan["store"][];
}

interface PublishPlan extends Plan {
  sources: Sources;
  stores: readonly StorePlan[];
  catalog: Catalog;
  standing: CatalogEntry | undefined;
}

type Standing = Omit<PublishResult, keyof Figures>;

class PublishOperation implements Operation<PublishPlan, WrittenNarInfos[], Standing> {
  readonly kind = "publish";
  readonly subject: string;
  #parts: PublishParts;
  #proofs: StoreProof[] = [];

  constructor(parts: PublishParts) {
    this.#parts = parts;
    this.subject = entryId(parts.options);
  }

  async plan(step: Step): Promise<PublishPlan> {
    const { options, packing, spool } = this.#parts;
    const { meter, signal } = step;
    const sources = await resolveSources(options.paths, {
      ...options.nix,
      dryRun: step.dryRun,
      signal,
    });
    const { closure } = sources;
    meter.note(
      `the closure has ${counted(closure.length, "path")}, ${formatBytes(narBytes(closure))}`,
    );
    const stores = this.#parts.openStores(meter);
    const catalog = this.#parts.openCatalog(meter);
    const [standing, ...outcomes] = await Promise.all([
      catalog.find(options, { signal }),
      ...stores.map(async (store) => {
        try {
          const replace = options.replace ?? false;
          return await planStore(store, closure, { packing, spool, replace, signal });
        } catch (error) {
          signal.throwIfAborted();
          return { store: store.cache.url, error };
        }
      }),
    ]);
    const failures = outcomes.filter((each) => "error" in each);
    if (failures.length > 0) throw storeFailuresError(failures);
    const plans = outcomes.filter((each) => "states" in each);
    const figures = await this.#figures(sources, plans, catalog, standing);
    return { sources, stores: plans, catalog, standing, ...figures };
  }

  async move(plan: PublishPlan, step: Step): Promise<WrittenNarInfos[]> {
    const { packing, packer, spool, context } = this.#parts;
    const { meter, record, signal } = step;
    using _use = await context.cache.use({ signal });
    for (const { store } of plan.stores) {
      const { writer } = store.cache;
      if (writer instanceof FileObjects) {
        this.#parts.opened.use(await pinIn(writer.dir, plan.sources.closure, this.subject));
      }
    }
    return await moveClosure(plan.stores, { packing, packer, spool, meter, record, signal });
  }

  async verify(plan: PublishPlan, moved: WrittenNarInfos[], step: Step): Promise<void> {
    const { meter, signal, record } = step;
    const depth = this.#parts.options.verify ?? "present";
    const outcomes = await Promise.all(
      plan.stores.map(({ store }, index) =>
        verifyStore(store, plan.sources.closure, {
          depth,
          written: moved[index] ?? new Map(),
          meter,
          now: Date.now,
          signal,
        })
      ),
    );
    const failures = outcomes.flatMap((outcome) => outcome.failures ?? []);
    if (failures.length > 0) throw storeFailuresError(failures);
    this.#proofs = outcomes.flatMap((outcome) => outcome.proof ?? []);
    for (const proof of this.#proofs) record(proof.store, "proven", { at: proof.at, depth });
  }

  async commit(plan: PublishPlan, _moved: WrittenNarInfos[], step: Step): Promise<Standing> {
    const { catalog } = plan;
    const draft: CatalogEntryDraft = {
      name: this.#parts.options.name,
      version: this.#parts.options.version,
      system: this.#parts.options.system,
      storePaths: plan.sources.roots,
      closure: plan.sources.closure.map(({ storePath, narHash, narSize, references }) => ({
        path: storePath.path,
        narHash,
        narSize,
        references,
      })),
      closureBytes: narBytes(plan.sources.closure),
      proofs: this.#proofs,
    };
    const { proofs, ...identity } = draft;
    const idempotencyKey = sha256(JSON.stringify([identity, proofs.map((proof) => proof.store)]));
    step.record(this.subject, "committing", { catalog: catalog.url, idempotencyKey });
    const entry = await catalog.commit(draft, { idempotencyKey, signal: step.signal });
    step.record(entry.id, "committed", { catalog: catalog.url });
    return { ...this.standing(plan), id: entry.id };
  }

  standing({ sources, stores }: PublishPlan): Standing {
    return {
      id: this.subject,
      storePaths: sources.roots,
      closurePaths: sources.closure.length,
      closureBytes: narBytes(sources.closure),
      stores: stores.map(({ store, states }, index) => ({
        store: store.cache.url,
        missing: states.filter((state) => state.gap !== undefined).length,
        ...(this.#proofs[index] === undefined ? {} : { provenAt: this.#proofs[index].at }),
      })),
    };
  }

  async #figures(
    { roots, closure }: Sources,
    stores: readonly StorePlan[],
    catalog: Catalog,
    standing: CatalogEntry | undefined,
  ): Promise<Plan> {
    const { packing, spool, options } = this.#parts;
    let bytesToMove = 0;
    let bytesToReuse = 0;
    let exact = true;
    let requests = catalog.requestsEach;
    const objects: PlannedObject[] = [];
    for (const { store, states, putInfo } of stores) {
      const { reader, writer } = store.cache;
      const sent = new Set<string>();
      if (putInfo) requests += writer.requestsFor(100);
      for (const state of states) {
        const { source, sendNar, gap, standing, narThere } = state;
        const label = `${source.storePath.path} -> ${store.cache.url}`;
        let sizeBytes = narThere?.fileSize ?? standing?.fileSize ?? 0;
        if (!sendNar) bytesToReuse += sizeBytes;
        else if (!sent.has(source.narHash)) {
          sent.add(source.narHash);
          const foreign = store.pusher !== undefined;
          const spooled = foreign ? undefined : await spool.find(source.narHash, packing);
          sizeBytes = foreign
            ? source.narSize
            : spooled?.fileSize ?? packedBound(packing, source.narSize);
          exact &&= !foreign && (spooled !== undefined || packing.compression === "none");
          bytesToMove += sizeBytes;
          requests += writer.requestsFor(sizeBytes);
        }
        if (gap !== undefined) requests += writer.requestsFor(1000);
        objects.push({ label, sizeBytes, state: sendNar ? "missing" : "present" });
      }
      requests += closure.length * (options.verify === "full" ? 3 : 2) * reader.requestsEach;
    }
    const lacking = stores.filter((plan) => plan.states.some((state) => state.gap !== undefined));
    const committed = standing?.current === true && samePaths(standing.storePaths, roots);
    const changed = lacking.length > 0 || !committed;
    return {
      changed,
      bytesToMove,
      bytesToReuse,
      exact,
      requests: changed ? requests : 0,
      why: why(stores, lacking, committed ? catalog.url : undefined, this.subject, closure.length),
      objects,
    };
  }
}

function why(
  stores: readonly StorePlan[],
  lacking: readonly StorePlan[],
  committedIn: string | undefined,
  id: string,
  paths: number,
): string {
  const parts = lacking.map(({ store, states }) => {
    const gaps = states.filter((state) => state.gap !== undefined);
    const reasons = [...new Set(gaps.map((state) => state.gap))].join(", ");
    return `"${store.cache.url}" lacks ${gaps.length} of ${counted(paths, "path")} (${reasons})`;
  });
  if (lacking.length === 0) {
    const names = stores.map(({ store }) => `"${store.cache.url}"`).join(" and ");
    parts.push(
      `${names} ${stores.length === 1 ? "has" : "have"} the narinfo and the NAR of ${
        paths === 1 ? "the one path" : `all ${paths} paths`
      }`,
    );
  }
  parts.push(
    committedIn === undefined
      ? `the catalog does not point to ${id} yet`
      : `"${committedIn}" points to ${id}`,
  );
  return parts.join(", ");
}

function samePaths(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join("\n") === [...b].sort().join("\n");
}

function narBytes(closure: readonly SourcePath[]): number {
  return closure.reduce((sum, { narSize }) => sum + narSize, 0);
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
