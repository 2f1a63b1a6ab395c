import { join } from "@std/path";
import { ifThere } from "../lib/base/files.ts";
import { findEngine } from "../lib/container/container_engine.ts";
import { EngineStore } from "../lib/container/engine_store.ts";
import { formatBytes } from "../lib/base/bytes.ts";
import {
  commitCopies,
  type ImageCopy,
  moveCopies,
  type NamesNow,
  planCopies,
  type PlannedCopy,
  verifyCopies,
} from "../lib/oci/copy_set.ts";
import { type DestinationReference, formatDestination } from "../lib/oci/engine_reference.ts";
import type { ImageHosts } from "../lib/oci/image_hosts.ts";
import { formatReference, type ImageReference } from "../lib/oci/reference.ts";
import { RegistryDestination } from "../lib/oci/registry_destination.ts";
import { SpooledSource } from "../lib/oci/spooled_source.ts";
import {
  checkConcurrency,
  checkEngines,
  checkOffline,
  checkRoom,
  wantedPlatforms,
} from "./image_checks.ts";
import { KnownBlobs, rememberLayout } from "./image_known.ts";
import { type ImageRegistriesOptions, openImageHosts } from "./image_registries.ts";
import type { Figures, Plan } from "../lib/operation/figures.ts";
import type { Operation } from "../lib/operation/operation.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import type { TaskContext } from "../lib/runner/context.ts";

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
  /** Whether what is attached to the images is copied along: signatures, lists of parts. @default {false} */
  referrers?: boolean;
  /** Whether the blobs that the destination has are read and hashed, and moved again where they are damaged. @default {false} */
  verifyExisting?: boolean;
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

/** An image and where it goes. */
export interface ImageRoute {
  /** Where it is. */
  readonly from: ImageReference;
  /** Where it goes; each blob is read once for all of them. */
  readonly to: readonly DestinationReference[];
}

interface SetPlan extends Plan {
  copies: readonly PlannedCopy[];
}

/** Copies images in one operation. */
export async function copyImages(
  routes: readonly ImageRoute[],
  options: CopyImagesOptions,
  context: TaskContext,
): Promise<Figures & { images: CopiedImage[] }> {
  const platforms = wantedPlatforms(options);
  const concurrency = checkConcurrency(options.concurrency);
  for (const { from, to } of routes) checkOffline(context.offline, from, ...to);
  checkEngines(routes.flatMap(({ to }) => to), options);
  await using disposal = new AsyncDisposableStack();
  let hosts: ImageHosts | undefined;
  let spool: string | undefined;
  const { verifyExisting, referrers } = options;
  const operation: Operation<SetPlan, NamesNow, { images: CopiedImage[] }> = {
    kind: "image",
    subject: subjectOf(routes),
    async plan({ meter, signal }) {
      hosts = disposal.use(
        await openImageHosts(options, context, {
          meter,
          signal,
          concurrency,
          memory: context.journal,
          local: new KnownBlobs(context.cache),
          engine: async (kind) =>
            new EngineStore(await findEngine({ ...options.engines?.[kind], kind })),
        }),
      );
      // The folder is made when the first blob needs it: a plan writes nothing.
      spool = join(context.cache.dir, `image-spool.tmp-${Deno.pid}-${nonce()}`);
      disposal.defer(() => ifThere(Deno.remove(spool!, { recursive: true })));
      const copies = openCopies(routes, hosts, spool);
      const planned = await planCopies(copies, {
        platforms,
        meter,
        signal,
        verifyExisting,
        referrers,
      });
      checkRoom(planned);
      return summary(planned);
    },
    async move({ copies }, { meter, signal, record }) {
      const onBlob = (digest: string, sizeBytes: number) =>
        record(digest, "arrived", { sizeBytes });
      const names = await moveCopies(copies, { meter, signal, onBlob });
      for (const { destination } of copies) {
        if (!(destination instanceof RegistryDestination)) continue;
        const { host, habits } = destination.client.host;
        record(host, "habits", { ...habits });
      }
      return names;
    },
    async verify({ copies }) {
      await verifyCopies(copies);
    },
    async commit(plan, names, { meter, signal }) {
      await commitCopies(plan.copies, names, { meter, signal });
      await rememberLayouts(context, routes);
      return { images: plan.copies.map(copied) };
    },
    standing: (plan) => ({ images: plan.copies.map(copied) }),
  };
  return await runOperation(operation, context);
}

/** The layouts on both sides: a later run may find blobs in them. */
async function rememberLayouts(
  { cache }: TaskContext,
  routes: readonly ImageRoute[],
): Promise<void> {
  const places = routes.flatMap(({ from, to }) => [from, ...to]);
  const folders = places.flatMap((place) => place.transport === "oci" ? [place.folder] : []);
  for (const folder of new Set(folders)) await rememberLayout(cache, folder);
}

function openCopies(
  routes: readonly ImageRoute[],
  hosts: ImageHosts,
  spool: string,
): ImageCopy[] {
  return routes.flatMap(({ from, to }) => {
    const direct = hosts.source(from);
    const shared = to.length > 1 && direct.path === undefined;
    const source = shared ? new SpooledSource(direct, spool) : direct;
    return to.map((each) => ({ source, destination: hosts.destination(each), to: each }));
  });
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

function copied({ plan, source, to }: PlannedCopy): CopiedImage {
  const { digest, mediaType } = plan.root;
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

function subjectOf(routes: readonly ImageRoute[]): string {
  const [first] = routes;
  if (first === undefined || routes.length > 1) return `${routes.length} images`;
  return `${formatReference(first.from)} -> ${first.to.map(formatDestination).join(", ")}`;
}

function nonce(): string {
  return crypto.randomUUID().slice(0, 8);
}
