import { codeOf } from "../../lib/base/errors.ts";
import type { Meter } from "../../lib/base/meter.ts";
import { catalogIdentity } from "../../lib/catalog/catalog_identity.ts";
import { FileObjects } from "../../lib/nix/stores/file_objects.ts";
import { pinClosure } from "../../lib/nix/stores/file_pins.ts";
import { notePublisher } from "../../lib/nix/stores/publishers.ts";
import type { PublishStore } from "../../lib/nix/stores/publish_store.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";

/** Who pins. */
export interface PinningPublish {
  /** The entry that is published. */
  by: string;
  /** Its catalog. */
  catalog: string;
  /** Told of a store in which the catalog could not be noted. */
  meter: Meter;
}

/**
 * Pins a closure in every store that is a folder, so that no prune takes what is being published, and notes the catalog there for the prunes of
 * others; that a folder cannot be written to is told when something is written into it.
 */
export async function pinInStores(
  stores: readonly PublishStore[],
  closure: readonly SourcePath[],
  { by, catalog, meter }: PinningPublish,
): Promise<AsyncDisposable> {
  await using pins = new AsyncDisposableStack();
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
    try {
      pins.use(await pinClosure(writer.dir, closure, by));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  }
  return pins.move();
}
