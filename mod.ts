/**
 * Typed task functions for deploying NixOS machines, VM images and Nix packages, and the runner that makes a file of them a
 * program.
 *
 * Run as a program, this module is the built-in task file: `deno run -A mod.ts --list`.
 *
 * @module
 */
export { main, type MainOptions } from "./lib/report/start.ts";
export {
  ExitCode,
  exitCodeOf,
  IncompleteError,
  KedgeError,
  type KedgeErrorOptions,
  NoRoomError,
  NotAllowedError,
  type Side,
  StoppedError,
  TimedOutError,
  UnreachableError,
  UsageError,
  VerificationError,
} from "./lib/base/errors.ts";
export type { Redactor } from "./lib/base/redactor.ts";
export type { Cache, CacheOptions } from "./lib/cache/cache.ts";
export type { CacheSize, PartSize } from "./lib/cache/cache_size.ts";
export type { CleanResult } from "./lib/cache/clean.ts";
export type { Explanation } from "./lib/cache/explain_entry.ts";
export type { GcItem, GcPlan, GcReason } from "./lib/cache/gc_policy.ts";
export type { ListedEntry } from "./lib/cache/list_entries.ts";
export type { Lockfile, LockfileOptions, Pin } from "./lib/cache/lockfile.ts";
export type { PruneResult } from "./lib/cache/prune.ts";
export type { Refresh } from "./lib/cache/refresh.ts";
export type { Removal } from "./lib/cache/removal.ts";
export type { Tier, TierCall, TierRecord } from "./lib/cache/tier.ts";
export type {
  BadBlob,
  ContentsKind,
  Mending,
  VerifyCacheResult,
} from "./lib/cache/verify_cache.ts";
export type { Digest } from "./lib/base/digest.ts";
export type { RetryPolicy } from "./lib/http/retry_policy.ts";
export type { SomeRetryPolicy } from "./lib/http/whole_retry_policy.ts";
export type {
  CauseHint,
  ErrorData,
  ObjectProgress,
  OperationEvent,
  OperationEventBase,
  PartProgress,
  Phase,
} from "./lib/operation/event.ts";
export type * from "./lib/journal/journal.ts";
export type * from "./lib/journal/journal_rows.ts";
export type { Figures, Plan, PlannedObject } from "./lib/operation/figures.ts";
export type { AlwaysShell, DaxShell, Shell } from "./lib/runner/shell_type.ts";
export { arg } from "./lib/runner/arg_builder.ts";
export type { ArgBuilder } from "./lib/runner/arg_builder_type.ts";
export type * from "./lib/runner/arg.ts";
export type * from "./lib/runner/arg_options.ts";
export type { TaskContext, TaskContextOptions } from "./lib/runner/context.ts";
export { loadShell } from "./lib/runner/load_shell.ts";
export type { Need } from "./lib/runner/need.ts";
export type { PermissionSet } from "./lib/runner/permission_set.ts";
export type {
  RunEvent,
  RunLine,
  RunnerEvent,
  TaskStatus,
  TaskSummary,
} from "./lib/runner/events.ts";
export { RetriedError, type RetryOptions, type RetryPlan } from "./lib/runner/retry.ts";
export * from "./lib/runner/task.ts";
export { cacheKexec, type CacheKexecOptions, type CacheKexecResult } from "./tasks/kexec/kexec.ts";
export type { KexecParts } from "./tasks/kexec/parts.ts";
export {
  type KexecArch,
  kexecArchs,
  type KexecRelease,
  kexecUrl,
  type KexecVariant,
  kexecVariants,
} from "./tasks/kexec/release.ts";
export {
  cacheClean,
  type CacheCleanOptions,
  type CacheCleanResult,
  cacheDir,
  cacheList,
  cachePrune,
  type CachePruneOptions,
  type CachePruneResult,
  cacheSize,
  cacheVerify,
  type CacheVerifyOptions,
  cacheWhy,
} from "./tasks/cache/cache.ts";
export * from "./tasks/runs.ts";
export * from "./tasks/image/image.ts";
export * from "./tasks/base_image/base_image.ts";
export type { RunnableBase } from "./tasks/container/base.ts";
export * from "./tasks/container/in_container.ts";
export * from "./tasks/store/store.ts";
export * from "./tasks/store/copy_store.ts";
export type { ContainerMount } from "./lib/container/run_container.ts";
export type {
  ContainerEngineKind,
  ContainerEngineOptions,
} from "./lib/container/container_engine.ts";
export type { CalledEngine, CopiedImage, CopyImagesOptions } from "./tasks/image/copy_options.ts";
export type { ImageRegistriesOptions } from "./tasks/shared/registry_rules.ts";
export * from "./tasks/image/list.ts";
export * from "./tasks/image/inspect.ts";
export * from "./tasks/image/gc.ts";
export * from "./tasks/image/rm.ts";
export type { Garbage } from "./lib/oci/layout/collect_garbage.ts";
export * from "./tasks/disk/disk.ts";
export * from "./tasks/disk/inspect.ts";
export type { PulledDisk } from "./lib/disk/pull_work.ts";
export type { Chunker, ChunkerKind } from "./lib/chunk/chunker.ts";
export * from "./lib/oci/reference.ts";
export { Secret } from "./lib/base/secret.ts";
export { secret, type Secrets, type SecretSource } from "./lib/runner/secrets.ts";
export * from "./tasks/publish/publish.ts";
export * from "./tasks/publish/after.ts";
export * from "./tasks/publish/catalog.ts";
export type * from "./lib/catalog/catalog.ts";
export type {
  CatalogEntry,
  CatalogEntryDraft,
  CatalogPath,
  CatalogProof,
} from "./lib/catalog/catalog_entry.ts";
export { CatalogConflictError } from "./lib/catalog/catalog_conflict_error.ts";
export type { NarCompression } from "./lib/nix/nar/compression.ts";
export type { VerifyDepth } from "./lib/nix/stores/verify_store.ts";
export type { Meter, ObjectMeter, PartMeter } from "./lib/base/meter.ts";
export { architectureOfMachine, type KexecArchitecture } from "./lib/kexec/architecture.ts";
export type { BundleContents, BundlePart } from "./lib/kexec/bundle_contents.ts";
export { checkBundle, type CheckBundleOptions } from "./lib/kexec/check_bundle.ts";
export {
  type BundleDifference,
  diffBundles,
  type PartDifference,
} from "./lib/kexec/diff_bundles.ts";
export type { SshTarget } from "./lib/ssh/ssh_target.ts";
export {
  stageKexec,
  type StageKexecOptions,
  type StageKexecResult,
  targetArchitecture,
} from "./tasks/install/stage_kexec.ts";
export {
  installQuestion,
  nixosAnywhere,
  type NixosAnywhereResult,
} from "./tasks/install/nixos_anywhere.ts";
export type {
  GenerateHardwareConfig,
  InstallPhase,
  NixosAnywhereOptions,
} from "./tasks/install/nixos_anywhere_options.ts";

if (import.meta.main) {
  const { kedge } = await import("./tasks/builtin/cli.ts");
  await kedge();
}
