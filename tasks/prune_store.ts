import type { Digest } from "../lib/base/digest.ts";
import type { ContainerEngineOptions } from "../lib/container/container_engine.ts";
import type { Figures } from "../lib/operation/figures.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";
import type { NixVolume } from "./nix_place.ts";

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
  /** How many paths went. */
  paths: number;
  /** The bytes of their NARs. */
  bytes: number;
}

/**
 * Lets go of images whose stores were carried into a volume or a folder, and deletes the paths that no kept image needs. What was
 * built there stays with all that it needs, and so does what a root, a profile or a process of this machine uses.
 *
 * @throws {UsageError} if `keep` is no whole number, or there is no engine
 * @throws {TimedOutError} if a Nix or another run stayed at work there
 * @throws {KedgeError} if there is no such volume
 */
export async function pruneStore(
  options: PruneStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<PruneStoreResult> {
  const { runPruneStore } = await import("./prune_store_operation.ts");
  return await runPruneStore(options, ctx);
}
