import { formatBytes } from "../../lib/base/bytes.ts";
import type { NamesNow } from "../../lib/oci/copy/copy_set.ts";
import { formatDestination } from "../../lib/oci/engine_reference.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import { planCopies, type PlannedCopy } from "../../lib/oci/copy/plan_copies.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { type ImageRegistriesOptions, openImageHosts } from "../shared/registries.ts";
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
import type { ImageSpool } from "./spool.ts";
import {
  actionOf,
  type ImageRoute,
  knownBlobs,
  openCopies,
  openEngine,
  subjectOf,
} from "./routes.ts";

/** What holds for all images of one call. */
export interface CopyImagesOptions extends ImageRegistriesOptions {
  /** The platforms that are wanted of an index, as `linux/arm64`. @default {the machine's} */
  platforms?: readonly string[] | undefined;
  /** Whether an index is copied whole, with all that it points to. @default {false} */
  allPlatforms?: boolean;
  /**
   * The most blobs that may be under way, 1 to 64. It starts at 8 and follows what the registry takes.
   *
   * @default {16}
   */
  concurrency?: number | undefined;
  /**
   * Whether what is attached to the images is copied along: signatures, lists of parts, and what cosign keeps under tags such as
   * `sha256-HEX.sig`.
   *
   * @default {false}
   */
  referrers?: boolean;
  /** Whether the blobs that the destination has are read and hashed, and moved again where they are damaged. @default {false} */
  verifyExisting?: boolean;
  /**
   * Whether the tags are pinned by the lockfile, which there must be: what a tag of a registry meant at its first use is what is copied ever
   * after, until an update names it. What is attached to images is not pinned. A dry run asks what else those tags mean by now, which its
   * figures leave out, since no run asks it.
   *
   * @default {false}
   */
  pin?: boolean;
  /** How the engines of `podman:` and `docker-daemon:` are called. @default {by their names, in PATH} */
  engines?: { podman?: CalledEngine; docker?: CalledEngine } | undefined;
}

/** How an engine is called. */
export interface CalledEngine {
  /** The program. */
  program?: string | undefined;
  /** Arguments before every command: `--storage-driver=vfs`. */
  args?: readonly string[] | undefined;
}

/** One image that was copied. */
export interface CopiedImage {
  /** Where it was read. */
  from: string;
  /** The destination, pinned: `TO@sha256:...`. */
  reference: string;
  /** The digest that the destination points to. */
  digest: string;
  /** Its media type. */
  mediaType: string;
  /** Whether anything was (or would be) moved for it. */
  changed: boolean;
  /** The evidence, in one sentence. */
  why: string;
}

type CopiedImages = Figures & { images: CopiedImage[] };

interface SetPlan extends Plan {
  copies: readonly PlannedCopy[];
}

/** Copies images in one operation; the requests that chose them count as those of its plan. */
export async function copyImages(
  routes: readonly ImageRoute[],
  options: CopyImagesOptions,
  context: TaskContext,
  requestsBefore = 0,
): Promise<CopiedImages> {
  if (!options.pin) return await copyRoutes(routes, options, context, { requestsBefore });
  const { copyPinned } = await import("./pins.ts");
  return await copyPinned(routes, options, context, (pinned, onPlan) => {
    return copyRoutes(pinned, options, context, { requestsBefore, named: routes, onPlan });
  });
}

async function copyRoutes(
  routes: readonly ImageRoute[],
  options: CopyImagesOptions,
  context: TaskContext,
  { requestsBefore, named = routes, onPlan }: {
    requestsBefore: number;
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
      const copies = await openCopies(routes, hosts, spool?.spool);
      const planned = await planCopies(copies, {
        platforms,
        meter,
        signal,
        verifyExisting,
        referrers,
        onDiffers: () => loadMoving(routes),
      });
      checkWhole(named.flatMap(({ from, to }) => to.map(() => from)), planned, options);
      onPlan?.(planned);
      checkRoom(planned, context.cache.dir);
      if (dryRun) (await import("./foreseeing.ts")).foreseeCopies(planned, context.cache);
      // A commit does so of those that change.
      const standing = dryRun ? [] : planned.filter(({ plan }) => !plan.changed);
      for (const { destination } of standing) await destination.removeLeft?.();
      return summary(planned);
    },
    async move({ copies }, { meter, signal, record }) {
      moves = true;
      const { moveCopies } = await import("./moving.ts");
      const onBlob = (digest: string, sizeBytes: number) =>
        record(digest, "arrived", { sizeBytes });
      const names = await moveCopies(copies, { meter, signal, onBlob });
      const learned = copies.flatMap(({ destination }) => destination.learned?.() ?? []);
      const habits = new Map(learned.map((each) => [each.host, each.habits]));
      for (const [host, shown] of habits) record(host, "habits", { ...shown });
      return names;
    },
    async verify({ copies }, _names, { signal }) {
      const { verifyCopies } = await import("./moving.ts");
      await verifyCopies(copies, signal);
    },
    async commit(plan, names, { meter, signal }) {
      const { commitCopies } = await import("./moving.ts");
      // What cannot be remembered holds up no name, and spoils nothing that is done.
      const remembering = rememberLayouts(context, routes).catch((error) => {
        meter.note(`cannot keep the layouts in mind: ${(error as Error).message}`, "warning");
      });
      try {
        const roots = await commitCopies(plan.copies, names, { meter, signal });
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
