import type { Digest } from "../../lib/base/digest.ts";
import type { ContainerEngineOptions } from "../../lib/container/container_engine.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { BaseImageResult } from "../base_image/base_image.ts";
import type { ImageRegistriesOptions } from "../shared/registry_rules.ts";
import type { NixVolume } from "./nix_place.ts";

export type { NixVolume } from "./nix_place.ts";

/** The part of {@linkcode BaseImageResult} that is needed to carry a store. */
export type CarriedBase =
  & Pick<
    BaseImageResult,
    "reference" | "digest" | "manifestDigest" | "nixVersion" | "platform" | "copy" | "copyAhead"
  >
  & Partial<Pick<BaseImageResult, "configDigest">>;

/** Options of {@linkcode carryStore}. */
export interface CarryStoreOptions extends ImageRegistriesOptions {
  /**
   * The image, as `baseImage()` returns it. If it has a copy, that is read instead of its registry: a copy in a layout or another registry by its
   * layers; a copy in podman from podman's unpacked files if this process can see them, else from the registry, with a note that says why.
   * Hard links in the image stay hard links.
   */
  base: CarriedBase;
  /** The volume or folder that gets the store, and that containers then mount as `/nix`. A missing volume is created. */
  to: NixVolume;
  /**
   * Which of the paths that are there already are hashed again: a random sample, or all.
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
  /** How many of them were copied. */
  pathsMoved: number;
  /** Bytes of layers that were read for it; 0 if the image was read from podman's files. */
  layerBytes: number;
}

/**
 * Copies the Nix store of a base image into a volume or folder, so that containers that mount it as `/nix` have that store and keep what
 * they build.
 *
 * No container is started: the layers of the image are read, or the files as podman has them unpacked. Only paths that are missing are
 * written. Each is hashed as a NAR and compared with the image's database before the volume's database lists it as valid. Then profiles and
 * roots are updated, and a marker with the digest of the image is written last: later calls read that marker alone. Paths of other images,
 * and what was built there, stay valid. Two calls at once run one after the other.
 *
 * @throws {UsageError} if an option is out of its range, or there is no engine
 * @throws {NotAllowedError} if the engine refuses, or this process cannot see, read or write all files of the volume
 * @throws {VerificationError} if a layer or a path has another digest, or podman's image was removed while it was read
 * @throws {UnreachableError} if the registry is needed, and stayed unreachable or may not be asked
 * @throws {NoRoomError} if the disk has no room for what is missing
 * @throws {KedgeError} if the volume is for another platform, or its database has another schema
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
  /** How many images are kept beside the current one, the last used first: a whole number from 0 on. */
  keep: number;
  /** Which engine has the volume. @default {podman, else docker} */
  engine?: ContainerEngineOptions | undefined;
}

/** What was freed. */
export interface PruneStoreResult extends Figures {
  /** The images that were dropped. */
  dropped: readonly { digest: Digest; nixVersion: string }[];
  /** The images that stay. */
  kept: readonly { digest: Digest; nixVersion: string }[];
  /** How many paths were deleted, with those that a killed run had left. */
  paths: number;
  /** The bytes of their NARs. */
  bytes: number;
}

/**
 * Drops old images from a volume or folder that their stores were carried into, and deletes the paths that no kept image needs.
 *
 * These stay:
 *
 * - what was built or copied there, with all that it needs, even if an image that came later has it too;
 * - what a root, a profile or a process of this machine uses. A root that is a link out of the volume, as `nix build` leaves for its result,
 *   does not count;
 * - an image as a whole, if a process uses something of it that no kept image has.
 *
 * What stays of a dropped image is deleted by a later call, once nothing needs it. A link of a profile or a root is deleted with the images
 * that it came from, if no kept image has it and no other link leads to it. What a killed carry or import left is deleted too; while
 * another one runs, a dry run does not count it.
 *
 * @throws {UsageError} if `keep` is not a whole number from 0 on, or there is no engine
 * @throws {NotAllowedError} if this user may not read or write all of it
 * @throws {TimedOutError} if Nix or another run did not release the folder in time
 * @throws {KedgeError} if there is no such volume or folder
 *
 * @example
 * ```ts
 * import { pruneStore } from "@kedge/kedge";
 *
 * export async function tidy(): Promise<number> {
 *   const { bytes } = await pruneStore({ in: { volume: "nix" }, keep: 1 });
 *   return bytes;
 * }
 * ```
 */
export async function pruneStore(
  options: PruneStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<PruneStoreResult> {
  const { runPruneStore } = await import("./prune_operation.ts");
  return await runPruneStore(options, ctx);
}
