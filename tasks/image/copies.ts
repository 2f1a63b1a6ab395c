import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import type { NamesNow } from "../../lib/oci/copy/copy_set.ts";
import type { DestinationReference } from "../../lib/oci/engine_reference.ts";
import { type ImageCopy, planCopies, type PlannedCopy } from "../../lib/oci/copy/plan_copies.ts";
import type { Platform } from "../../lib/oci/descriptor.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { openImageHosts } from "../shared/registries.ts";
import { inWords } from "../shared/in_words.ts";
import {
  checkConcurrency,
  checkDestinations,
  checkEngines,
  checkOffline,
  checkRoom,
  checkWhole,
  wantedPlatforms,
} from "./checks.ts";
import type { CopiedImage, CopyImagesMore, CopyImagesOptions } from "./copy_options.ts";
import type { KeptNames } from "./kept_names.ts";
import { copied, type SetPlan, setPlan } from "./set_plan.ts";
import type { ImageSpool } from "./spool.ts";
import {
  actionOf,
  type ImageRoute,
  knownBlobs,
  layoutFolders,
  openCopies,
  openEngine,
  subjectOf,
} from "./routes.ts";

type Copied = { images: CopiedImage[] };

interface ImagesCopyMore extends CopyImagesMore {
  /** The routes as they were named, where the lockfile says what they mean. @default {the routes} */
  named?: readonly ImageRoute[];
  /** Told what was planned. */
  onPlan?: (copies: readonly PlannedCopy[]) => void;
}

/** Copies images in one operation. */
export async function copyImages(
  routes: readonly ImageRoute[],
  options: CopyImagesOptions,
  context: TaskContext,
  more: CopyImagesMore = {},
): Promise<Figures & Copied> {
  if (!options.pin) return await copyRoutes(routes, options, context, more);
  const { copyPinned } = await import("./pins.ts");
  return await copyPinned(routes, options, context, (pinned, { onPlan, explained }) => {
    const { onFailure: tell } = more;
    const onFailure = tell &&
      ((to: DestinationReference, error: unknown) => tell(to, explained(error)));
    return copyRoutes(pinned, options, context, { ...more, named: routes, onPlan, onFailure });
  });
}

async function copyRoutes(
  routes: readonly ImageRoute[],
  options: CopyImagesOptions,
  context: TaskContext,
  more: ImagesCopyMore,
): Promise<Figures & Copied> {
  await using copy = new ImagesCopy(routes, options, context, more);
  const result = await inWords(actionOf(routes), () => runOperation(copy, context));
  await copy.keepNames(result.changed);
  return result;
}

/** The steps of a copy of images. */
class ImagesCopy implements Operation<SetPlan, NamesNow, Copied>, AsyncDisposable {
  readonly kind = "image";
  readonly subject: string;
  readonly #routes: readonly ImageRoute[];
  readonly #options: CopyImagesOptions;
  readonly #context: TaskContext;
  readonly #more: ImagesCopyMore;
  readonly #platforms: readonly Platform[] | undefined;
  readonly #concurrency: number;
  readonly #onFailure: ((copy: ImageCopy, error: unknown) => void) | undefined;
  readonly #opened = new AsyncDisposableStack();
  #spool: ImageSpool | undefined;
  #names: KeptNames | undefined;
  #hosts: ImageHosts | undefined;
  #moves = false;

  /**
   * Opens nothing yet.
   *
   * @throws {UsageError} if that cannot be copied, or not so
   */
  constructor(
    routes: readonly ImageRoute[],
    options: CopyImagesOptions,
    context: TaskContext,
    more: ImagesCopyMore,
  ) {
    this.#platforms = wantedPlatforms(options);
    this.#concurrency = checkConcurrency(options.concurrency);
    for (const { from, to } of routes) checkOffline(context, "sync", from, ...to);
    checkDestinations(routes);
    checkEngines(routes.flatMap(({ to }) => to), options);
    const { onFailure: tell } = more;
    this.#onFailure = tell && (({ to }, error) => tell(to, error));
    this.#routes = routes;
    this.#options = options;
    this.#context = context;
    this.#more = more;
    this.subject = subjectOf(routes);
  }

  /**
   * Keeps what the names of the sources were found to mean, once the plan that was found by them is done with. Of a list that moved, the next
   * run does so that finds it unchanged: files for each of many names take as long as to copy small images.
   */
  async keepNames(changed: boolean): Promise<void> {
    const { dryRun, signal } = this.#context;
    if (dryRun || changed && this.#routes.length > 1) return;
    await this.#names?.keep(signal);
  }

  async plan(step: Step): Promise<SetPlan> {
    const { requestsBefore = 0, named = this.#routes, onPlan } = this.#more;
    for (let count = 0; count < requestsBefore; count++) step.meter.request();
    const options = this.#options;
    const { cache } = this.#context;
    const planned = await planCopies(await this.#open(step), {
      platforms: this.#platforms,
      isPlatformAsked: (options.platforms ?? []).length > 0,
      meter: step.meter,
      signal: step.signal,
      verifyExisting: options.verifyExisting,
      referrers: options.referrers,
      onDiffers: () => loadMoving(this.#routes),
      onFailure: this.#onFailure,
    });
    const sources = named.flatMap(({ from, to }) => to.map(() => from));
    checkWhole(sources, planned, options, this.#onFailure);
    onPlan?.(planned);
    checkRoom(planned, cache.dir, this.#onFailure);
    if (step.dryRun) (await import("./foreseeing.ts")).foreseeCopies(planned, cache);
    // A commit does so of those that change.
    const standing = step.dryRun ? [] : planned.filter(({ plan }) => !plan.changed);
    for (const { destination } of standing) await destination.removeLeft?.();
    return setPlan(planned);
  }

  async move({ copies }: SetPlan, { meter, signal, record }: Step): Promise<NamesNow> {
    this.#moves = true;
    this.#spool?.spool.begin();
    const { moveCopies } = await import("./moving.ts");
    const onBlob = (digest: string, sizeBytes: number) => record(digest, "arrived", { sizeBytes });
    const names = await moveCopies(copies, { meter, signal, onBlob, onFailure: this.#onFailure });
    for (const [host, shown] of this.#hosts?.learned() ?? []) record(host, "habits", { ...shown });
    return names;
  }

  async verify({ copies }: SetPlan, _names: NamesNow, { signal }: Step): Promise<void> {
    const { verifyCopies } = await import("./moving.ts");
    await verifyCopies(copies, { signal, onFailure: this.#onFailure });
  }

  async commit({ copies }: SetPlan, names: NamesNow, { meter, signal }: Step): Promise<Copied> {
    const { commitCopies, rememberLayouts } = await import("./moving.ts");
    const folders = layoutFolders(this.#routes);
    // What cannot be remembered holds up no name, and spoils nothing that is done.
    const remembering = rememberLayouts(this.#context.cache, folders).catch((error) => {
      meter.note(`cannot keep the layouts in mind: ${(error as Error).message}`, "warning");
    });
    try {
      const asked = { meter, signal, onFailure: this.#onFailure };
      const roots = await commitCopies(copies, names, asked);
      await this.#spool?.end("done");
      return { images: copies.map((copy) => copied(copy, roots.get(copy))) };
    } finally {
      await remembering;
    }
  }

  standing({ copies }: SetPlan): Copied {
    return { images: copies.map((copy) => copied(copy)) };
  }

  /** Closes what the steps opened. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }

  async #open({ meter, signal }: Step): Promise<ImageCopy[]> {
    const options = this.#options;
    const context = this.#context;
    const hosts = this.#hosts = this.#opened.use(
      await openImageHosts(options, context, {
        meter,
        signal,
        concurrency: this.#concurrency,
        memory: context.journal,
        local: knownBlobs(context),
        engine: (kind) => openEngine(kind, options, meter),
      }),
    );
    const spool = this.#spool = await this.#openSpool();
    const { onFailure } = this.#more;
    const names = this.#names = await this.#openNames();
    return await openCopies(this.#routes, hosts, { spool: spool?.spool, names, onFailure });
  }

  /** What the names of the sources meant last. */
  async #openNames(): Promise<KeptNames | undefined> {
    if (this.#routes.every(({ from }) => from.transport !== "docker")) return undefined;
    const { KeptNames } = await import("./kept_names.ts");
    return new KeptNames(this.#context.cache);
  }

  /** Where blobs lie on their way to several destinations. */
  async #openSpool(): Promise<ImageSpool | undefined> {
    if (this.#routes.every(({ to }) => to.length <= 1)) return undefined;
    const { ImageSpool } = await import("./spool.ts");
    const spool = new ImageSpool(this.#context.cache, this.#routes);
    this.#opened.defer(() => spool.end(this.#moves ? "broken off" : "looked at"));
    return spool;
  }
}

/** Loads what moves ahead of its use; that it cannot be had is told where it is used. */
function loadMoving(routes: readonly ImageRoute[]): void {
  const toLayout = routes.some(({ to }) => to.some(({ transport }) => transport === "oci"));
  const loading = toLayout ? import("./pulling.ts") : import("./moving.ts");
  loading.catch(() => undefined);
}
