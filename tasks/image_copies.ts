import { join, resolve } from "@std/path";
import { checkFreeBytes } from "../lib/base/disk_space.ts";
import { UsageError } from "../lib/base/errors.ts";
import { formatBytes } from "../lib/base/bytes.ts";
import {
  commitCopies,
  type ImageCopy,
  moveCopies,
  planCopies,
  type PlannedCopy,
  verifyCopies,
} from "../lib/oci/copy_set.ts";
import type { Platform } from "../lib/oci/descriptor.ts";
import { ImageHosts } from "../lib/oci/image_hosts.ts";
import { machinePlatform, parsePlatform } from "../lib/oci/platform.ts";
import { formatReference, type ImageReference } from "../lib/oci/reference.ts";
import { RegistryDestination } from "../lib/oci/registry_destination.ts";
import { SpooledSource } from "../lib/oci/spooled_source.ts";
import { KnownBlobs, rememberLayout } from "./image_known.ts";
import type { Figures, Plan } from "../lib/operation/figures.ts";
import type { Operation } from "../lib/operation/operation.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import type { TaskContext } from "../lib/runner/context.ts";

/** What holds for all images of one call. */
export interface CopyImagesOptions {
  /** The platforms that are wanted of an index, as `linux/arm64`. @default {the machine's} */
  platforms?: readonly string[] | undefined;
  /** Whether an index is copied whole, with all that it points to. @default {false} */
  allPlatforms?: boolean;
  /** Hosts that are spoken to in plain HTTP; loopback hosts always are. */
  insecureRegistries?: readonly string[] | undefined;
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
  readonly to: readonly ImageReference[];
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
  for (const { from, to } of routes) checkOffline(context, from, ...to);
  await using disposal = new AsyncDisposableStack();
  let hosts: ImageHosts | undefined;
  let spool: string | undefined;
  const { verifyExisting, referrers } = options;
  const operation: Operation<SetPlan, void, { images: CopiedImage[] }> = {
    kind: "image",
    subject: subjectOf(routes),
    async plan({ meter, signal }) {
      hosts = disposal.use(
        new ImageHosts({
          meter,
          signal,
          concurrency,
          redactor: context.redactor,
          memory: context.journal,
          insecureRegistries: options.insecureRegistries,
          local: new KnownBlobs(context.cache),
        }),
      );
      // The folder is made when the first blob needs it: a plan writes nothing.
      spool = join(context.cache.dir, `image-spool.tmp-${Deno.pid}-${nonce()}`);
      disposal.defer(() => removeFolder(spool!));
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
      await moveCopies(copies, { meter, signal, onBlob });
      for (const { destination } of copies) {
        if (!(destination instanceof RegistryDestination)) continue;
        const { host, habits } = destination.client.host;
        record(host, "habits", { ...habits });
      }
    },
    async verify({ copies }) {
      await verifyCopies(copies);
    },
    async commit(plan, _moved, { meter, signal }) {
      await commitCopies(plan.copies, { meter, signal });
      await rememberLayouts(context, routes);
      return { images: plan.copies.map(copied) };
    },
    standing: (plan) => ({ images: plan.copies.map(copied) }),
  };
  return await runOperation(operation, context);
}

/** Blobs are as large as they say, so that a full disk shows before the first byte is moved. */
function checkRoom(copies: readonly PlannedCopy[]): void {
  const wanted = new Map<string, number>();
  for (const { to, plan } of copies) {
    if (to.transport !== "oci") continue;
    wanted.set(to.folder, (wanted.get(to.folder) ?? 0) + plan.diskBytes);
  }
  for (const [folder, bytes] of wanted) checkFreeBytes(resolve(folder), bytes);
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
    exact: true,
    requests: sum((plan) => plan.requests),
    why: plans.length === 1
      ? plans[0]!.why
      : `${changed.length} of ${plans.length} images changed (${formatBytes(bytesToMove)})`,
    objects: plans.flatMap((plan) => plan.objects),
  };
}

function copied({ plan, source, to }: PlannedCopy): CopiedImage {
  const { digest, mediaType } = plan.root;
  return {
    from: source.name,
    reference: formatReference({ ...to, digest }),
    digest,
    mediaType,
    changed: plan.changed,
    why: plan.why,
  };
}

function subjectOf(routes: readonly ImageRoute[]): string {
  const [first] = routes;
  if (first === undefined || routes.length > 1) return `${routes.length} images`;
  return `${formatReference(first.from)} -> ${first.to.map(formatReference).join(", ")}`;
}

function wantedPlatforms(options: CopyImagesOptions): Platform[] | undefined {
  const { platforms = [], allPlatforms = false } = options;
  if (allPlatforms && platforms.length > 0) {
    throw new UsageError(
      `Cannot use allPlatforms together with platforms ${JSON.stringify(platforms)}`,
      { hint: "leave out one of the two" },
    );
  }
  if (allPlatforms) return undefined;
  return platforms.length === 0 ? [machinePlatform()] : platforms.map(parsePlatform);
}

function checkConcurrency(concurrency = 16): number {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 64) return concurrency;
  throw new UsageError(`Cannot use the concurrency ${concurrency}: it must be 1 to 64`);
}

function checkOffline(context: TaskContext, ...references: ImageReference[]): void {
  const remote = references.find((reference) => reference.transport === "docker");
  if (!context.offline || remote === undefined) return;
  throw new UsageError(`Cannot sync "${formatReference(remote)}" offline: it is in a registry`, {
    hint: "leave out --offline, or name layouts only",
  });
}

function nonce(): string {
  return crypto.randomUUID().slice(0, 8);
}

async function removeFolder(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
