import type { Secret } from "../../lib/base/secret.ts";
import type { Catalog } from "../../lib/catalog/catalog.ts";
import type { NarCompression } from "../../lib/nix/nar/compression.ts";
import type { SomeRetryPolicy } from "../../lib/http/whole_retry_policy.ts";
import type { VerifyDepth } from "../../lib/nix/stores/verify_store.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { SecretSource } from "../../lib/runner/secrets.ts";

export { thisSystem } from "./this_system.ts";

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
  /** Where the closure goes: `file:///DIR`, `http(s)://...`, `s3://...`, another URI of Nix, or `exec:COMMAND?read=URL`. */
  stores: readonly string[];
  /** Where the entry goes at the very end: `sqlite:///FILE`, `http(s)://...`, or a catalog of your own. */
  catalog: string | Catalog;
  /** Signs every narinfo, and every path in a store that Nix itself writes to; several keys sign each. What `exec:` writes is not signed. */
  signingKey?: SigningKeySource | readonly SigningKeySource[] | undefined;
  /** How NARs are compressed. @default {"zstd"} */
  compression?: NarCompression | undefined;
  /** The compression level: -99 to 19 for zstd, 0 to 9 for xz; -1 is the default, as it is for Nix. @default {3 for zstd, 6 for xz} */
  level?: number | undefined;
  /** The system that the package runs on. @default {that of this machine} */
  system?: string | undefined;
  /** How NARs are verified: present with their size, or read back in full. @default {"present"} */
  verify?: VerifyDepth | undefined;
  /** How long uploads may take to become visible at the URL that readers use, in milliseconds. @default {0} */
  propagationMs?: number | undefined;
  /**
   * How long verified narinfos are not asked for again, in milliseconds. Within that time, a run with nothing to do asks a remote store only for
   * each NAR. 0 asks for both each time, and so does a refresh.
   * @default {300_000}
   */
  proofMaxAgeMs?: number | undefined;
  /** Whether other builds of the same store paths are replaced in the stores. @default {false} */
  replace?: boolean | undefined;
  /** How requests are tried again. @default {four times, 250 ms doubling to at most 20 s} */
  retry?: SomeRetryPolicy | undefined;
  /** How long a connection may transfer nothing before it is given up, in milliseconds. @default {120_000} */
  stallMs?: number | undefined;
  /** How Nix is run, where it is needed. */
  nix?: PublishNixOptions | undefined;
}

/** How Nix is run. */
export interface PublishNixOptions {
  /** The program. @default {"nix"} */
  program?: string | undefined;
  /** The Nix store that paths come from: `local?root=/mnt`. */
  store?: string | undefined;
  /** Variables added to its environment. */
  env?: Readonly<Record<string, string>> | undefined;
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
 * Publishes a closure: uploads what each store lacks, verifies that every narinfo and NAR is there, and only then writes the catalog entry.
 *
 * The second run moves nothing and says why. After a run that was killed, the same call continues: what is verified is not sent again, and
 * what was packed is not packed again.
 *
 * @example
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
 * @throws {IncompleteError} if a store still lacks something at the end; then nothing was committed
 * @throws {VerificationError} if what a store gives back is not what was written
 */
export async function publish(
  options: PublishOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishResult> {
  const { collectingAfter, runPublish } = await import("./ready.ts");
  return await collectingAfter(ctx, (context) => runPublish(options, context));
}
