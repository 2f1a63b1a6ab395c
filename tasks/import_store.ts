import type { ContainerEngineOptions } from "../lib/container/container_engine.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";
import type { CopyStoreResult } from "./export_store.ts";
import type { NixVolume } from "./nix_place.ts";

/** Options of {@linkcode importStore}. */
export interface ImportStoreOptions {
  /** Where paths come from: a binary cache (`file:///dir`, `https://...`, `s3://...`), or a store of this machine's Nix (`daemon`, `local`). */
  from: string;
  /** What is mounted as `/nix`; a volume that is not there is made. */
  to: NixVolume;
  /** The store paths. */
  paths: readonly string[];
  /** Whether all that they need comes along; otherwise it must be there. @default {true} */
  closure?: boolean;
  /** Public keys, `NAME:BASE64`, one of which must have signed each path of a binary cache. @default {none: the hash alone counts} */
  publicKeys?: readonly string[];
  /** Which engine has the volume. @default {podman, else docker} */
  engine?: ContainerEngineOptions;
  /** How Nix is run, for a store of this machine. */
  nix?: { program?: string; env?: Readonly<Record<string, string>> };
}

/**
 * Copies paths from a binary cache or from the Nix of this machine into a carried store, only those that are not there, each verified by the
 * hash of its NAR while it is written. The named paths become roots, so that Nix's garbage collector keeps them.
 *
 * @throws {UsageError} if an option is out of its range
 * @throws {KedgeError} if the source has not all of it
 * @throws {VerificationError} if a path is not what its source says, or no key signed it
 * @throws {NoRoomError} if it does not fit
 */
export async function importStore(
  options: ImportStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<CopyStoreResult> {
  const { runImportStore } = await import("./import_store_operation.ts");
  return await runImportStore(options, ctx);
}
