/** The options of the public functions, as a file of tasks passes them: values that may be there or not, without a cast and without a condition. */
import { assertEquals } from "@std/assert";
import type {
  ArgOptions,
  ArgsInput,
  BaseImageOptions,
  BytesArgOptions,
  CacheCleanOptions,
  CacheKexecOptions,
  CacheOptions,
  CachePruneOptions,
  CacheVerifyOptions,
  CalledEngine,
  CarryStoreOptions,
  CatalogListOptions,
  CatalogOptions,
  CatalogShowOptions,
  CheckBundleOptions,
  CollectImagesOptions,
  ContainerEngineOptions,
  ContainerMount,
  DiffDisksOptions,
  DurationArgOptions,
  EntryFilter,
  ExportStoreOptions,
  ImageRegistriesOptions,
  ImageToSync,
  ImportStoreOptions,
  InContainerOptions,
  InspectDiskOptions,
  KedgeErrorOptions,
  KexecRelease,
  ListArgOptions,
  ListRunsOptions,
  LockfileOptions,
  MainOptions,
  NixosAnywhereOptions,
  NixVolume,
  NumberArgOptions,
  PathArgOptions,
  PruneStoreOptions,
  PublishKeygenOptions,
  PublishNixOptions,
  PublishOptions,
  PublishPruneOptions,
  PublishRollbackOptions,
  PublishVerifyOptions,
  PullDiskOptions,
  PushDiskOptions,
  RemoveImagesOptions,
  RetryOptions,
  ShowRunOptions,
  SomeRetryPolicy,
  SshTarget,
  StageKexecOptions,
  StringArgOptions,
  SyncImageOptions,
  SyncImagesOptions,
  TaskContextOptions,
  TaskOptions,
  VerifyDiskOptions,
} from "@kedge/kedge";
import { arg } from "../mod.ts";

/** The options that may be left out, but not be `undefined`. */
type Strict<T> = T extends unknown ? {
    [K in keyof T]-?: Record<never, never> extends Pick<T, K>
      ? { [P in K]: undefined } extends Pick<T, K> ? never : K
      : never;
  }[keyof T]
  : never;

/** The names of the options that are amiss. */
type Amiss = AllStrict[keyof AllStrict];

interface AllStrict {
  args: Strict<ArgOptions | StringArgOptions | NumberArgOptions | DurationArgOptions>;
  moreArgs: Strict<BytesArgOptions | PathArgOptions | ListArgOptions>;
  passed: Strict<ArgsInput<{ readonly jobs: ReturnType<typeof jobs> }>>;
  runner: Strict<MainOptions | RetryOptions | TaskContextOptions | KedgeErrorOptions>;
  task: Strict<TaskOptions<Record<never, never>, Record<never, never>, string>>;
  cache: Strict<CacheOptions | CacheCleanOptions | CachePruneOptions | CacheVerifyOptions>;
  runs: Strict<LockfileOptions | ListRunsOptions | ShowRunOptions>;
  kexec: Strict<CacheKexecOptions | KexecRelease | CheckBundleOptions | SomeRetryPolicy>;
  install: Strict<SshTarget | StageKexecOptions | NixosAnywhereOptions>;
  image: Strict<SyncImageOptions | SyncImagesOptions | ImageToSync | ImageRegistriesOptions>;
  moreImage: Strict<RemoveImagesOptions | CollectImagesOptions | CalledEngine>;
  disk: Strict<PullDiskOptions | PushDiskOptions | VerifyDiskOptions>;
  moreDisk: Strict<InspectDiskOptions | DiffDisksOptions>;
  base: Strict<BaseImageOptions | InContainerOptions | ContainerEngineOptions | ContainerMount>;
  store: Strict<CarryStoreOptions | PruneStoreOptions | ExportStoreOptions | ImportStoreOptions>;
  place: Strict<NixVolume>;
  publish: Strict<PublishOptions | PublishNixOptions | PublishVerifyOptions>;
  after: Strict<PublishRollbackOptions | PublishPruneOptions | PublishKeygenOptions>;
  catalog: Strict<CatalogListOptions | CatalogShowOptions | CatalogOptions | EntryFilter>;
}

const jobs = () => arg.number({ description: "How many" });

Deno.test("every option that may be left out may be undefined as well", () => {
  // Compiles only if no name is left.
  const amiss: [Amiss] extends [never] ? "none" : Amiss = "none";
  assertEquals(amiss, "none");
});
