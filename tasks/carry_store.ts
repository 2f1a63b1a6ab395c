import type { Digest } from "../lib/base/digest.ts";
import type { ContainerEngineOptions } from "../lib/container/container_engine.ts";
import type { Figures } from "../lib/operation/figures.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";
import type { BaseImageResult } from "./base_image.ts";
import type { NixVolume } from "./nix_place.ts";

export type { NixVolume } from "./nix_place.ts";

/** What of a base image is needed to carry its store. */
export type CarriedBase = Pick<
  BaseImageResult,
  "reference" | "digest" | "manifestDigest" | "nixVersion" | "platform" | "copy"
>;

/** Options of {@linkcode carryStore}. */
export interface CarryStoreOptions {
  /** The image: what `baseImage()` gave. A copy in a layout is read there, any other image in its registry. */
  base: CarriedBase;
  /** Where its store goes; what is mounted as `/nix` afterwards. A volume that is not there is made. */
  to: NixVolume;
  /**
   * How many of the paths that are there already are hashed again: some, chosen anew each time, or all.
   *
   * @default {"sample"}
   */
  check?: "sample" | "full" | undefined;
  /** Which engine has the volume. @default {podman, else docker} */
  engine?: ContainerEngineOptions | undefined;
  /** Hosts that are spoken to in plain HTTP; loopback hosts always are. */
  insecureRegistries?: readonly string[] | undefined;
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
  /** Bytes of layers that were read for it. */
  layerBytes: number;
}

/**
 * Fills a volume or a folder with the Nix store of a base image, so that a container which mounts it as `/nix` has that store, and keeps
 * what it builds.
 *
 * The layers of the image are read as they are, without any container; only paths that are not there are written. Each is hashed as a
 * NAR and held against the image's database before the volume's database says that it is valid; then profiles and roots are
 * made to follow, and a note of the image, by digest, is written last. With that note there, later calls cost one look and start nothing.
 * Paths of other images, and what was built, stay valid. Two calls at once come one after the other.
 *
 * @throws {UsageError} if an option is out of its range, or there is no engine
 * @throws {NotAllowedError} if the engine refuses, or this process cannot see the volume's files
 * @throws {VerificationError} if a layer or a path is not what it must be
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
 *   await inContainer({ base, mounts, run: ["nix", "build", "github:acme/app"] });
 * }
 * ```
 */
export async function carryStore(
  options: CarryStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<CarryStoreResult> {
  const { runCarryStore } = await import("./carry_store_operation.ts");
  return await runCarryStore(options, ctx);
}
