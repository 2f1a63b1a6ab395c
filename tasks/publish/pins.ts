import { codeOf } from "../../lib/base/errors.ts";
import { FileObjects } from "../../lib/nix/stores/file_objects.ts";
import { pinClosure } from "../../lib/nix/stores/file_pins.ts";
import type { PublishStore } from "../../lib/nix/stores/publish_store.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";

/**
 * Pins a closure in every store that is a folder, so that no prune takes what is being published; that a folder cannot be written to is told when
 * something is written into it.
 */
export async function pinInStores(
  stores: readonly PublishStore[],
  closure: readonly SourcePath[],
  by: string,
): Promise<AsyncDisposable> {
  await using pins = new AsyncDisposableStack();
  for (const { cache: { writer } } of stores) {
    if (!(writer instanceof FileObjects)) continue;
    try {
      pins.use(await pinClosure(writer.dir, closure, by));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  }
  return pins.move();
}
