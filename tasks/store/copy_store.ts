import type { Secret } from "../../lib/base/secret.ts";
import type { ContainerEngineOptions } from "../../lib/container/container_engine.ts";
import type { NarCompression } from "../../lib/nix/nar/compression.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { SecretSource } from "../../lib/runner/secrets.ts";
import type { NixVolume } from "./nix_place.ts";

/** Options of {@linkcode exportStore}. */
export interface ExportStoreOptions {
  /** What is mounted as `/nix`. */
  from: NixVolume;
  /**
   * The destination: a binary cache (`file:///dir`, `https://...`, `s3://...`), or a store of this machine's Nix (`daemon`, `local`,
   * `local?root=/mnt`), which Nix itself writes to.
   */
  to: string;
  /** The store paths. A derivation is copied itself, not what it builds. @default {all valid paths} */
  paths?: readonly string[] | undefined;
  /** Whether all that the paths refer to is copied too. @default {true} */
  closure?: boolean | undefined;
  /** How NARs are compressed in a binary cache. @default {what `compression` in its URI says, else "zstd"} */
  compression?: NarCompression | undefined;
  /** The compression level: -99 to 19 for zstd, 0 to 9 for xz; -1 is the default, as it is for Nix. @default {what `compression-level` in the URI says, else 3 for zstd, 6 for xz} */
  level?: number | undefined;
  /** The keys that sign in a binary cache; not for a store of this machine's Nix. */
  signingKey?: SecretSource | Secret | readonly (SecretSource | Secret)[] | undefined;
  /** Which engine has the volume. @default {podman, else docker} */
  engine?: ContainerEngineOptions | undefined;
  /** How Nix is run, for a store of this machine. */
  nix?:
    | { program?: string | undefined; env?: Readonly<Record<string, string>> | undefined }
    | undefined;
}

/** What an export or an import copied. */
export interface CopyStoreResult extends Figures {
  /** The store paths, with all that they refer to if `closure` is set. */
  paths: readonly string[];
  /** How many of them were copied. */
  pathsMoved: number;
}

/**
 * Copies paths from a volume or folder to a binary cache or to the Nix of this machine: only those that it lacks, each verified by the hash
 * of its NAR.
 *
 * Paths that are there already are compared by the metadata of both sides; nothing is hashed or packed for that.
 *
 * @throws {UsageError} if an option is out of its range
 * @throws {NotAllowedError} if this user may not read or write all of it
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
  const { collectingAfter, runExportStore } = await import("./export_operation.ts");
  return await collectingAfter(ctx, (context) => runExportStore(options, context));
}

/** Options of {@linkcode importStore}. */
export interface ImportStoreOptions {
  /** The source: a binary cache (`file:///dir`, `https://...`, `s3://...`), or a store of this machine's Nix (`daemon`, `local`). */
  from: string;
  /** The volume or folder that is mounted as `/nix`. A missing volume is created. */
  to: NixVolume;
  /** The store paths. A derivation is copied itself, not what it builds. */
  paths: readonly string[];
  /** Whether all that the paths refer to is copied too; otherwise it must be there. @default {true} */
  closure?: boolean | undefined;
  /**
   * Public keys, `NAME:BASE64`, one of which must have signed each path of a binary cache. A store of this machine's Nix is asked for no
   * signatures.
   *
   * @default {none: only the hash is checked}
   */
  publicKeys?: readonly string[] | undefined;
  /** Which engine has the volume. @default {podman, else docker} */
  engine?: ContainerEngineOptions | undefined;
  /** How Nix is run, for a store of this machine. */
  nix?:
    | { program?: string | undefined; env?: Readonly<Record<string, string>> | undefined }
    | undefined;
}

/**
 * Copies paths from a binary cache or from the Nix of this machine into a volume or folder: only those that it lacks, each verified by the
 * hash of its NAR while it is written.
 *
 * The named paths become roots, so that Nix's garbage collector keeps them.
 *
 * @throws {UsageError} if an option is out of its range
 * @throws {NotAllowedError} if this user may not read or write all of it
 * @throws {KedgeError} if the source does not have all of the paths
 * @throws {VerificationError} if a path is not what its source says, or none of the keys signed it
 * @throws {NoRoomError} if the disk has no room for it
 *
 * @example
 * ```ts
 * import { importStore } from "@kedge/kedge";
 *
 * export async function bring(path: string): Promise<number> {
 *   const publicKeys = ["cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="];
 *   const options = { from: "https://cache.nixos.org", to: { volume: "nix" }, paths: [path], publicKeys };
 *   return (await importStore(options)).pathsMoved;
 * }
 * ```
 */
export async function importStore(
  options: ImportStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<CopyStoreResult> {
  const { runImportStore } = await import("./import_operation.ts");
  return await runImportStore(options, ctx);
}
