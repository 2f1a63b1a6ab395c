/**
 * Opens what images are copied from and to. What only some copies need is loaded by those.
 *
 * @module
 */
import type { Meter } from "../../lib/base/meter.ts";
import { type DestinationReference, formatDestination } from "../../lib/oci/engine_reference.ts";
import type { ImageEngine } from "../../lib/oci/engine/image_engine.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import type { ImageSource } from "../../lib/oci/image_store.ts";
import type { LocalBlobs } from "../../lib/oci/local_blobs.ts";
import type { ImageCopy } from "../../lib/oci/copy/plan_copies.ts";
import { formatReference, type ImageReference } from "../../lib/oci/reference.ts";
import type { KeptNames } from "./kept_names.ts";
import type { Spool } from "../../lib/oci/copy/spool.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import type { CopyImagesOptions } from "./copy_options.ts";

/** An image and where it goes. */
export interface ImageRoute {
  /** Where it is. */
  readonly from: ImageReference;
  /** Where it goes; each blob is read once for all of them. */
  readonly to: readonly DestinationReference[];
}

/** What this machine has of blobs; looked for by the first that is missing. */
export function knownBlobs({ cache }: TaskContext): LocalBlobs {
  let known: LocalBlobs | undefined;
  return {
    async find(descriptor, exceptFolder) {
      const { KnownBlobs } = await import("./moving.ts");
      return await (known ??= new KnownBlobs(cache)).find(descriptor, exceptFolder);
    },
  };
}

/** The engine of a kind, as it is called; the meter is told where it is long about what it is asked. */
export async function openEngine(
  kind: "podman" | "docker",
  { engines }: CopyImagesOptions,
  meter: Pick<Meter, "note">,
): Promise<ImageEngine> {
  const [{ findEngine }, { EngineStore }] = await Promise.all([
    import("../../lib/container/container_engine.ts"),
    import("../../lib/container/engine_store.ts"),
  ]);
  const engine = await findEngine({ ...engines?.[kind], kind });
  return new EngineStore(engine, (message) => meter.note(message));
}

/**
 * Opens both sides of every route; nothing is asked yet.
 *
 * @param onFailure told of each destination of which a side cannot be opened, before the first of those failures is thrown
 */
export async function openCopies(
  routes: readonly ImageRoute[],
  hosts: ImageHosts,
  { spool, names, onFailure }: {
    spool: Spool | undefined;
    names: Pick<KeptNames, "remembered"> | undefined;
    onFailure: ((to: DestinationReference, error: unknown) => void) | undefined;
  },
): Promise<ImageCopy[]> {
  const copies: ImageCopy[] = [];
  const failures: unknown[] = [];
  for (const { from, to } of routes) {
    let source: ImageSource | undefined;
    for (const each of to) {
      try {
        source ??= await openSource(from, hosts, {
          spool: to.length > 1 ? spool : undefined,
          names,
        });
        copies.push({ source, destination: await hosts.destination(each), to: each });
      } catch (error) {
        if (onFailure === undefined) throw error;
        onFailure(each, error);
        failures.push(error);
      }
    }
  }
  if (failures.length > 0) throw failures[0];
  return copies;
}

/** Opens a source, of which it may be kept what its name meant last, and which several destinations may share. */
async function openSource(
  from: ImageReference,
  hosts: ImageHosts,
  { spool, names }: { spool: Spool | undefined; names: Pick<KeptNames, "remembered"> | undefined },
): Promise<ImageSource> {
  const opened = await hosts.source(from);
  const source = from.transport === "docker" ? names?.remembered(opened, from) ?? opened : opened;
  return spool === undefined ? source : await readOnce(source, spool);
}

/** A source of which several destinations read each blob once; files need no such care. */
async function readOnce(source: ImageSource, spool: Spool): Promise<ImageSource> {
  if (source.path !== undefined) return source;
  const { SpooledSource } = await import("../../lib/oci/copy/spooled_source.ts");
  return new SpooledSource(source, spool);
}

/** What is done by these routes, for messages. */
export function actionOf(routes: readonly ImageRoute[]): string {
  const [first] = routes;
  if (first === undefined || routes.length > 1) return `sync ${routes.length} images`;
  const to = first.to.map((each) => `"${formatDestination(each)}"`).join(", ");
  return `sync "${formatReference(first.from)}" to ${to}`;
}

/** What they are, for who looks on. */
export function subjectOf(routes: readonly ImageRoute[]): string {
  const [first] = routes;
  if (first === undefined || routes.length > 1) return `${routes.length} images`;
  return `${formatReference(first.from)} -> ${first.to.map(formatDestination).join(", ")}`;
}

/** The folders of the layouts on both sides: a later run may find blobs in them. */
export function layoutFolders(routes: readonly ImageRoute[]): string[] {
  const places = routes.flatMap(({ from, to }) => [from, ...to]);
  return places.flatMap((place) => place.transport === "oci" ? [place.folder] : []);
}
