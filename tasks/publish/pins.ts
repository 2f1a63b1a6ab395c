import { codeOf } from "../../lib/base/errors.ts";
import { lookAt } from "../../lib/base/files.ts";
import type { Meter } from "../../lib/base/meter.ts";
import type { CatalogEntry } from "../../lib/catalog/catalog_entry.ts";
import { catalogIdentity } from "../../lib/catalog/catalog_identity.ts";
import { FileObjects } from "../../lib/nix/stores/file_objects.ts";
import { pinClosure } from "../../lib/nix/stores/file_pins.ts";
import { notePublisher } from "../../lib/nix/stores/publishers.ts";
import type { StorePlan } from "../../lib/nix/stores/plan_store.ts";
import type { PublishStore } from "../../lib/nix/stores/publish_store.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";
import { isNamed } from "./is_named.ts";

/** Who pins. */
export interface PinningPublish {
  /** The entry that is published. */
  by: string;
  /** Its catalog. */
  catalog: string;
  /** Told of a store in which the catalog could not be noted. */
  meter: Meter;
  /** Asks stores how the closure stands in them. */
  ask: (stores: readonly PublishStore[]) => Promise<StorePlan[]>;
}

/** A closure that is pinned. */
export interface PinnedClosure {
  /** Until they are disposed of. */
  pins: AsyncDisposable;
  /** How it stands in each store since. */
  plans: readonly StorePlan[];
}

/**
 * Pins a closure in every store that is a folder, so that no prune takes what is being published, and notes the catalog there for the prunes of
 * others; that a folder cannot be written to is told when something is written into it. A store is asked anew where a prune took before that what
 * was there when it was asked.
 */
export async function pinInStores(
  plans: readonly StorePlan[],
  closure: readonly SourcePath[],
  { by, catalog, meter, ask }: PinningPublish,
): Promise<PinnedClosure> {
  await using pins = new AsyncDisposableStack();
  await notePublisherIn(plans.map(({ store }) => store), { catalog, meter });
  for (const { store: { cache: { writer } } } of plans) {
    if (!(writer instanceof FileObjects)) continue;
    try {
      pins.use(await pinClosure(writer.dir, closure, by));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  }
  const lost = plans.filter(hasLost).map(({ store }) => store);
  const asked = lost.length === 0 ? [] : await ask(lost);
  return {
    plans: plans.map((plan) => asked.find(({ store }) => store === plan.store) ?? plan),
    pins: pins.move(),
  };
}

/** Whether the folder of a store lacks by now what was there when it was asked: a prune moves the narinfo away first. */
function hasLost({ store: { cache: { writer } }, states }: StorePlan): boolean {
  return writer instanceof FileObjects &&
    states.some(({ source, sendNar }) =>
      !sendNar && lookAt(writer.pathOf(`${source.storePath.hashPart}.narinfo`)) === undefined
    );
}

/** Notes a catalog again where its entry was published to, before a publish that may have nothing to move counts on anything there. */
export async function noteWhereItStands(
  stores: readonly PublishStore[],
  standing: CatalogEntry | undefined,
  catalog: string,
  meter: Meter,
): Promise<void> {
  if (standing?.current !== true) return;
  const known = stores.filter(({ cache: { url, writer } }) =>
    // A folder that is gone is made where something is written into it.
    writer instanceof FileObjects && lookAt(writer.dir) !== undefined &&
    isNamed(standing, url)
  );
  await notePublisherIn(known, { catalog, meter });
}

/** Notes in every store that is a folder that a catalog publishes there; where that cannot be, there is a warning. */
async function notePublisherIn(
  stores: readonly PublishStore[],
  { catalog, meter }: Pick<PinningPublish, "catalog" | "meter">,
): Promise<void> {
  for (const { cache: { writer } } of stores) {
    if (!(writer instanceof FileObjects)) continue;
    try {
      await notePublisher(writer.dir, catalogIdentity(catalog));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      meter.note(
        `"${writer.url}" does not let it be noted that "${catalog}" publishes there: a prune by another catalog would take what it needs`,
        "warning",
      );
    }
  }
}
