import type { Secret } from "../lib/base/secret.ts";
import type { ContainerEngineOptions } from "../lib/container/container_engine.ts";
import type { NarCompression } from "../lib/nix/compression.ts";
import type { Figures } from "../lib/operation/figures.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";
import type { SecretSource } from "../lib/runner/secrets.ts";
import type { NixVolume } from "./nix_place.ts";

/** Options of {@linkcode exportStore}. */
export interface ExportStoreOptions {
  /** What is mounted as `/nix`. */
  from: NixVolume;
  /**
   * Where paths go: a binary cache (`file:///dir`, `https://...`, `s3://...`), or a store of this machine's Nix (`daemon`, `local`,
   * `local?root=/mnt`), into which Nix itself takes them.
   */
  to: string;
  /** The store paths; all that are valid without any. */
  paths?: readonly string[];
  /** Whether all that they need goes along. @default {true} */
  closure?: boolean;
  /** How NARs are packed in a binary cache. @default {"zstd"} */
  compression?: NarCompression;
  /** The level of packing. */
  level?: number;
  /** The key that signs in a binary cache. */
  signingKey?: SecretSource | Secret | readonly (SecretSource | Secret)[];
  /** Which engine has the volume. @default {podman, else docker} */
  engine?: ContainerEngineOptions;
  /** How Nix is run, for a store of this machine. */
  nix?: { program?: string; env?: Readonly<Record<string, string>> };
}

/** What an export or an import brought. */
export interface CopyStoreResult extends Figures {
  /** The store paths, with all that they need where that was asked for. */
  paths: readonly string[];
  /** How many of them were brought. */
  pathsMoved: number;
}

/**
 * Copies paths of a carried store to a binary cache or to the Nix of this machine, only those that are not there, each verified by the hash
 * of its NAR.
 *
 * What is there is compared by what both ends know of it, whatever its size; nothing is hashed or packed for that.
 *
 * @throws {UsageError} if an option is out of its range
 * @throws {KedgeError} if a path is not valid in the volume
 * @throws {IncompleteError} if the other store does not hold all of it afterwards
 *
 * @example
 * ```ts
 * import { exportStore } from "@kedge/kedge";
 *
 * export async function keep(path: string): Promise<number> {
 *   const { pathsMoved } = await exportStore({ from: { volume: "nix" }, to: "file:///mnt/cache", paths: [path] });
 *   return pathsMoved;
 * }
 * ```
 */
export async function exportStore(
  options: ExportStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<CopyStoreResult> {
  const { runExportStore } = await import("./export_store_operation.ts");
  return await runExportStore(options, ctx);
}
