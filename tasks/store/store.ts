import type { Digest } from "../../lib/base/digest.ts";
import type { Secret } from "../../lib/base/secret.ts";
import type { ContainerEngineOptions } from "../../lib/container/container_engine.ts";
import type { NarCompression } from "../../lib/nix/nar/compression.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { SecretSource } from "../../lib/runner/secrets.ts";
import type { BaseImageResult } from "../base_image/base_image.ts";
import type { ImageRegistriesOptions } from "../shared/registries.ts";
import type { NixVolume } from "./nix_place.ts";

export type { NixVolume } from "./nix_place.ts";

/** What of a base image is needed to carry its store. */
export type CarriedBase =
  & Pick<
    BaseImageResult,
    "reference" | "digest" | "manifestDigest" | "nixVersion" | "platform" | "copy" | "copyAhead"
  >
  & Partial<Pick<BaseImageResult, "configDigest">>;

/** Options of {@linkcode carryStore}. */
export interface CarryStoreOptions extends ImageRegistriesOptions {
  /**
   * The image: what `baseImage()` gave. A copy of it is read in place of its registry: one in a layout or another registry in its layers; one in
   * podman as podman has it unpacked, where this process sees podman's files, else in the registry, with a note that says why. A file that
   * has several names there has them afterwards too.
   */
  base: CarriedBase;
  /** Where its store goes; what is mounted as `/nix` afterwards. A volume that is not there is made. */
  to: NixVolume;
  /**
   * How many of the paths that are there already are hashed again: some, chosen anew each time, or all.
   *
   * @default {"sample"}
   */
  check?: "sample" | "full" | undefined;
  /** Which engine has the volume; how podman is called for a copy there too, unless it is docker. @default {podman, else docker} */
  engine?: ContainerEngineOptions | undefined;
}

/** What {@linkcode carryStore} gives. */
export interface CarryStoreResult extends Figures {
  /** Where the store is on this machine; absent in a dry run where there is no volume yet. */
  folder?: string;
  /** The manifest of the image whose profiles stand there now. */
  digest: Digest;
  /** How many valid paths the image has. */
  paths: number;
  /** How many of them were brought. */
  pathsMoved: number;
  /** Bytes of layers that were read for it; 0 where the image was read out of podman. */
  layerBytes: number;
}

/**
 * Fills a volume or a folder with the Nix store of a base image, so that a container which mounts it as `/nix` has that store, and keeps
 * what it builds.
 *
 * The layers of the image are read as they are, without any container, or its files out of podman, which shows them for so long and moves no byte
 * over a network for that. Only paths that are not there are written. Each is hashed as a
 * NAR and held against the image's database before the volume's database says that it is valid; then profiles and roots are
 * made to follow, and a note of the image, by digest, is written last. With that note there, later calls cost one look and start nothing.
 * Paths of other images, and what was built, stay valid. Two calls at once come one after the other.
 *
 * @throws {UsageError} if an option is out of its range, or there is no engine
 * @throws {NotAllowedError} if the engine refuses, or this process cannot see the volume's files, or may not read or write them all
 * @throws {VerificationError} if a layer or a path is not what it must be, or podman lost the image while it was read
 * @throws {UnreachableError} if only a registry can give it, and it stayed unreachable or may not be asked
 * @throws {NoRoomError} if what is missing does not fit
 * @throws {KedgeError} if the volume is of another platform, or its database of another schema
 *
 * @example
 * ```ts
 * import { baseImage, carryStore, inContainer } from "@kedge/kedge";
 *
 * export async function build(): Promise<void> {
 *   const base = await baseImage();
 *   await carryStore({ base, to: { volume: "nix" } });
 *   const mounts = [{ volume: "nix", to: "/nix" }];
 *   const env = { NIX_CONFIG: "extra-experimental-features = nix-command flakes" };
 *   await inContainer({ base, mounts, env, run: ["nix", "build", "github:acme/app"] });
 * }
 * ```
 */
export async function carryStore(
  options: CarryStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<CarryStoreResult> {
  const { collectingAfter, runCarryStore } = await import("./carry_operation.ts");
  return await collectingAfter(ctx, (context) => runCarryStore(options, context));
}

/** Options of {@linkcode pruneStore}. */
export interface PruneStoreOptions {
  /** What is mounted as `/nix`. */
  in: NixVolume;
  /** How many images stay beside the one that profiles follow, those used last first. */
  keep: number;
  /** Which engine has the volume. @default {podman, else docker} */
  engine?: ContainerEngineOptions | undefined;
}

/** What was freed. */
export interface PruneStoreResult extends Figures {
  /** The images that were let go of. */
  dropped: readonly { digest: Digest; nixVersion: string }[];
  /** The images that stay. */
  kept: readonly { digest: Digest; nixVersion: string }[];
  /** How many paths went, those that a killed run had placed included. */
  paths: number;
  /** The bytes of their NARs. */
  bytes: number;
}

/**
 * Lets go of images whose stores were carried into a volume or a folder, and deletes the paths that no kept image needs. What was built or copied
 * there stays with all that it needs, also where an image that came later has it too, and so does what a root, a profile or a process of this machine uses; an image of which a process uses
 * something that no kept one has stays whole. A root that is a link out of the volume, as `nix build` leaves for its result, holds nothing
 * here. What stays of an image that went goes once nothing needs it. A link of a profile or a root goes with the images that brought it if no
 * kept one has it and no other link leads to it. What a carry or an import that was killed had placed goes too; only while another one runs,
 * a dry run says nothing of it.
 *
 * @throws {UsageError} if `keep` is no whole number, or there is no engine
 * @throws {NotAllowedError} if this user may not read or write all of it
 * @throws {TimedOutError} if a Nix or another run stayed at work there
 * @throws {KedgeError} if there is no such volume or folder
 */
export async function pruneStore(
  options: PruneStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<PruneStoreResult> {
  const { runPruneStore } = await import("./prune_operation.ts");
  return await runPruneStore(options, ctx);
}

/** Options of {@linkcode exportStore}. */
export interface ExportStoreOptions {
  /** What is mounted as `/nix`. */
  from: NixVolume;
  /**
   * Where paths go: a binary cache (`file:///dir`, `https://...`, `s3://...`), or a store of this machine's Nix (`daemon`, `local`,
   * `local?root=/mnt`), into which Nix itself takes them.
   */
  to: string;
  /** The store paths; all that are valid without any. A derivation goes itself, not what it builds. */
  paths?: readonly string[] | undefined;
  /** Whether all that they need goes along. @default {true} */
  closure?: boolean | undefined;
  /** How NARs are packed in a binary cache. @default {"zstd"} */
  compression?: NarCompression | undefined;
  /** How hard: 1 to 19 for zstd, 0 to 9 for xz. @default {3 for zstd, 6 for xz} */
  level?: number | undefined;
  /** The key that signs in a binary cache; a store of this machine's Nix takes none. */
  signingKey?: SecretSource | Secret | readonly (SecretSource | Secret)[] | undefined;
  /** Which engine has the volume. @default {podman, else docker} */
  engine?: ContainerEngineOptions | undefined;
  /** How Nix is run, for a store of this machine. */
  nix?:
    | { program?: string | undefined; env?: Readonly<Record<string, string>> | undefined }
    | undefined;
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
  /** Where paths come from: a binary cache (`file:///dir`, `https://...`, `s3://...`), or a store of this machine's Nix (`daemon`, `local`). */
  from: string;
  /** What is mounted as `/nix`; a volume that is not there is made. */
  to: NixVolume;
  /** The store paths. A derivation comes itself, not what it builds. */
  paths: readonly string[];
  /** Whether all that they need comes along; otherwise it must be there. @default {true} */
  closure?: boolean | undefined;
  /**
   * Public keys, `NAME:BASE64`, one of which must have signed each path; of a binary cache, since a Nix is asked for no signatures.
   *
   * @default {none: the hash alone counts}
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
 * Copies paths from a binary cache or from the Nix of this machine into a carried store, only those that are not there, each verified by the
 * hash of its NAR while it is written. The named paths become roots, so that Nix's garbage collector keeps them.
 *
 * @throws {UsageError} if an option is out of its range
 * @throws {NotAllowedError} if this user may not read or write all of it
 * @throws {KedgeError} if the source has not all of it
 * @throws {VerificationError} if a path is not what its source says, or no key signed it
 * @throws {NoRoomError} if it does not fit
 */
export async function importStore(
  options: ImportStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<CopyStoreResult> {
  const { runImportStore } = await import("./import_operation.ts");
  return await runImportStore(options, ctx);
}
