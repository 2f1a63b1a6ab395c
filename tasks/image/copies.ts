import { formatBytes } from "../../lib/base/bytes.ts";
import type { NamesNow } from "../../lib/oci/copy/copy_set.ts";
import { type DestinationReference, formatDestination } from "../../lib/oci/engine_reference.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import { type ImageCopy, planCopies, type PlannedCopy } from "../../lib/oci/copy/plan_copies.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation } from "../../lib/operation/operation.ts";
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
import type { CopiedImage, CopyImagesOptions } from "./copy_options.ts";
import type { ImageSpool } from "./spool.ts";
import {
  actionOf,
  type ImageRoute,
  knownBlobs,
  openCopies,
  openEngine,
  subjectOf,
} from "./routes.ts";

/** What is known and wanted of a copy beside its options. */
export interface CopyImagesMore {
  /** Requests that chose the images; they count as those of the plan. @default {0} */
  requestsBefore?: number;
  /**
   * Told which copies failed, by their destinations as they were given. All that are found in the plan are told; of those that fail later,
   * the first, which ends the others, and with it those that fail for the same reason.
   */
  onFailure?: ((to: DestinationReference, error: unknown) => void) | undefined;
}

type CopiedImages = Figures & { images: CopiedImage[] };

interface SetPlan extends Plan {
  copies: readonly PlannedCopy[];
}

/** Copies images in one operation. */
export async function copyImages(
  routes: readonly ImageRoute[],
  options: CopyImagesOptions,
  context: TaskContext,
  more: CopyImagesMore = {},
): Promise<CopiedImages> {
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
  { requestsBefore = 0, onFailure: tell, named = routes, onPlan }: CopyImagesMore & {
    /** The same as they were named, where the lockfile says what they mean. */
    named?: readonly ImageRoute[];
    onPlan?: (copies: readonly PlannedCopy[]) => void;
  },
): Promise<CopiedImages> {
  const platforms = wantedPlatforms(options);
  const concurrency = checkConcurrency(options.concurrency);
  for (const { from, to } of routes) checkOffline(context, "sync", from, ...to);
  checkDestinations(routes);
  checkEngines(routes.flatMap(({ to }) => to), options);
  await using disposal = new AsyncDisposableStack();
  let hosts: ImageHosts | undefined;
  let spool: ImageSpool | undefined;
  let moves = false;
  const { verifyExisting, referrers } = options;
  const onFailure = tell && (({ to }: ImageCopy, error: unknown) => tell(to, error));
  const operation: Operation<SetPlan, NamesNow, { images: CopiedImage[] }> = {
    kind: "image",
    subject: subjectOf(routes),
    async plan({ meter, signal, dryRun }) {
      for (let count = 0; count < requestsBefore; count++) meter.request();
      hosts = disposal.use(
        await openImageHosts(options, context, {
          meter,
          signal,
          concurrency,
          memory: context.journal,
          local: knownBlobs(context),
          engine: (kind) => openEngine(kind, options, meter),
        }),
      );
      if (routes.some(({ to }) => to.length > 1)) {
        const { ImageSpool } = await import("./spool.ts");
        spool = new ImageSpool(context.cache, routes);
        disposal.defer(() => spool!.end(moves ? "broken off" : "looked at"));
      }
      const copies = await openCopies(routes, hosts, { spool: spool?.spool, onFailure: tell });
      const planned = await planCopies(copies, {
        platforms,
        isPlatformAsked: (options.platforms ?? []).length > 0,
        meter,
        signal,
        verifyExisting,
        referrers,
        onDiffers: () => loadMoving(routes),
        onFailure,
      });
      const sources = named.flatMap(({ from, to }) => to.map(() => from));
      checkWhole(sources, planned, options, onFailure);
      onPlan?.(planned);
      checkRoom(planned, context.cache.dir, onFailure);
      if (dryRun) (await import("./foreseeing.ts")).foreseeCopies(planned, context.cache);
      // A commit does so of those that change.
      const standing = dryRun ? [] : planned.filter(({ plan }) => !plan.changed);
      for (const { destination } of standing) await destination.removeLeft?.();
      return summary(planned);
    },
    async move({ copies }, { meter, signal, record }) {
      moves = true;
      spool?.spool.begin();
      const { moveCopies } = await import("./moving.ts");
      const onBlob = (digest: string, sizeBytes: number) =>
        record(digest, "arrived", { sizeBytes });
      const names = await moveCopies(copies, { meter, signal, onBlob, onFailure });
      const learned = copies.flatMap(({ destination }) => destination.learned?.() ?? []);
      const habits = new Map(learned.map((each) => [each.host, each.habits]));
      for (const [host, shown] of habits) record(host, "habits", { ...shown });
      return names;
    },
    async verify({ copies }, _names, { signal }) {
      const { verifyCopies } = await import("./moving.ts");
      await verifyCopies(copies, { signal, onFailure });
    },
    async commit(plan, names, { meter, signal }) {
      const { commitCopies } = await import("./moving.ts");
      // What cannot be remembered holds up no name, and spoils nothing that is done.
      const remembering = rememberLayouts(context, routes).catch((error) => {
        meter.note(`cannot keep the layouts in mind: ${(error as Error).message}`, "warning");
      });
      try {
        const roots = await commitCopies(plan.copies, names, { meter, signal, onFailure });
        await spool?.end("done");
        return { images: plan.copies.map((copy) => copied(copy, roots.get(copy))) };
      } finally {
        await remembering;
      }
    },
    standing: (plan) => ({ images: plan.copies.map((copy) => copied(copy)) }),
  };
  return await inWords(actionOf(routes), () => runOperation(operation, context));
}

/** Loads what moves ahead of its use; that it cannot be had is told where it is used. */
function loadMoving(routes: readonly ImageRoute[]): void {
  const toLayout = routes.some(({ to }) => to.some(({ transport }) => transport === "oci"));
  const loading = toLayout ? import("./pulling.ts") : import("./moving.ts");
  loading.catch(() => undefined);
}

/** The layouts on both sides: a later run may find blobs in them. */
async function rememberLayouts(
  { cache }: TaskContext,
  routes: readonly ImageRoute[],
): Promise<void> {
  const places = routes.flatMap(({ from, to }) => [from, ...to]);
  const folders = places.flatMap((place) => place.transport === "oci" ? [place.folder] : []);
  const { rememberLayout } = await import("./moving.ts");
  for (const folder of new Set(folders)) await rememberLayout(cache, folder);
}

function summary(copies: PlannedCopy[]): SetPlan {
  const plans = copies.map(({ plan }) => plan);
  const sum = (value: (plan: PlannedCopy["plan"]) => number) =>
    plans.reduce((total, plan) => total + value(plan), 0);
  const changed = plans.filter((plan) => plan.changed);
  const bytesToMove = sum((plan) => plan.bytesToMove);
  return {
    copies,
    changed: changed.length > 0,
    bytesToMove,
    bytesToReuse: sum((plan) => plan.bytesToReuse),
    exact: plans.every((plan) => plan.exact),
    requests: sum((plan) => plan.requests),
    why: plans.length === 1
      ? plans[0]!.why
      : `${changed.length} of ${plans.length} images changed (${formatBytes(bytesToMove)})`,
    objects: plans.flatMap((plan) => plan.objects),
  };
}

function copied({ plan, source, to }: PlannedCopy, root = plan.root): CopiedImage {
  const { digest, mediaType } = root;
  const { digest: _pinned, ...bare } = to;
  return {
    from: source.name,
    reference: `${formatDestination(bare)}@${digest}`,
    digest,
    mediaType,
    changed: plan.changed,
    why: plan.why,
  };
}
