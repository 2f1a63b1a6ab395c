/**
 * `publish()`: the closure to every store, the proof that it is there, and only then the catalog's entry.
 *
 * @module
 */
import { UsageError } from "../lib/base/errors.ts";
import type { Meter } from "../lib/base/meter.ts";
import type { Secret } from "../lib/base/secret.ts";
import type { Catalog } from "../lib/catalog/catalog.ts";
import { checkEntryName } from "../lib/catalog/catalog_entry.ts";
import { openCatalog, prepareCatalog } from "../lib/catalog/open_catalog.ts";
import type { NarCompression } from "../lib/nix/compression.ts";
import { NarPacker } from "../lib/nix/nar_packer.ts";
import { defaultRetryPolicy, type RetryPolicy } from "../lib/http/retry_policy.ts";
import { openStore, prepareStore } from "../lib/nix/open_store.ts";
import type { VerifyDepth } from "../lib/nix/verify_store.ts";
import type { Figures } from "../lib/operation/figures.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import type { SecretSource } from "../lib/runner/secrets.ts";
import { checkedPacking, loadSigningKeys, parseStores } from "./publish_options.ts";
import { PublishSpool } from "./publish_spool.ts";
import { PublishOperation } from "./publish_operation.ts";

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
