import type { VerifyDepth } from "../lib/nix/verify_store.ts";
import type { Figures } from "../lib/operation/figures.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";
import type { PublishNixOptions, SigningKeySource } from "./publish.ts";
import type { RetryPolicy } from "../lib/http/retry_policy.ts";

/** Options of {@linkcode publishVerify}. */
export interface PublishVerifyOptions {
  /** `NAME` (its current version), `NAME@VERSION` or `NAME@VERSION/SYSTEM`. */
  entry: string;
  /** The catalog that holds it. */
  catalog: string;
  /** Only these of its stores, with their logins. @default {all stores of the entry} */
  stores?: readonly string[] | undefined;
  /** Whether what is lost is brought back: from another store, or from this machine. @default {false} */
  repair?: boolean | undefined;
  /** How deep the proof goes. @default {"present"} */
  depth?: VerifyDepth | undefined;
  /** Keys, `NAME:BASE64`, whose signatures every narinfo must have. @default {none} */
  publicKeys?: readonly string[] | undefined;
  /** Signs what is mended. */
  signingKey?: SigningKeySource | readonly SigningKeySource[] | undefined;
  /** How requests are tried again. */
  retry?: Partial<RetryPolicy> | undefined;
  /** Where the Nix store of this machine is, for repairs. */
  nix?: PublishNixOptions | undefined;
}

/** What was proven. */
export interface PublishVerifyResult extends Figures {
  /** The entry's id. */
  id: string;
  /** For each store, how many paths were broken there. */
  stores: readonly { store: string; broken: number }[];
}

/**
 * Proves again that every store of an entry holds its whole closure, and brings back what is lost if that is asked for.
 *
 * @throws {UsageError} if there is no such entry
 * @throws {IncompleteError} if something is lost, and is not to be mended or cannot be
 * @throws {VerificationError} if something is not what was published
 */
export async function publishVerify(
  options: PublishVerifyOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishVerifyResult> {
  const { runPublishVerify } = await import("./publish_verify_operation.ts");
  return await runPublishVerify(options, ctx);
}
