/**
 * Frees what no kept image needs of a carried store.
 *
 * Invariants: what is deleted is planned again under the lock, so that nothing goes that came to be needed meanwhile.
 *
 * @module
 */
import { KedgeError, UsageError } from "../lib/base/errors.ts";
import { lockTimeoutMs } from "../lib/cache/lock_timeout.ts";
import type { CarriedImage } from "../lib/nix/carried_images.ts";
import { lockNixFolder } from "../lib/nix/lock_nix_folder.ts";
import type { NixFolder } from "../lib/nix/nix_folder.ts";
import { type NixPrunePlan, planNixPrune, pruneNixFolder } from "../lib/nix/prune_nix_folder.ts";
import type { Figures, Plan } from "../lib/operation/figures.ts";
import type { Operation } from "../lib/operation/operation.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import { nixPlace } from "./nix_place.ts";
import { runInPlace } from "./run_in_place.ts";
import type { PruneStoreOptions, PruneStoreResult } from "./base_image_store.ts";

interface PlannedPrune extends Plan {
  folder: NixFolder;
  prune: NixPrunePlan;
}

/** Does the work of `pruneStore`. */
export async function runPruneStore(
  options: PruneStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<PruneStoreResult> {
  const context = resolveContext(ctx);
  const { keep } = options;
  if (!Number.isInteger(keep) || keep < 0) {
    throw new UsageError(`Cannot keep ${keep} images: it is no whole number from 0 on`);
  }
  const place = await nixPlace(options.in, options.engine, context);
  const operation: Operation<PlannedPrune, NixPrunePlan, Omit<PruneStoreResult, keyof Figures>> = {
    kind: "base-image:prune",
    subject: place.label,
    async plan({ signal }) {
      const folder = await place.find(signal);
      if (folder === undefined) {
        throw new KedgeError(`Cannot prune ${place.label}: there is none`);
      }
      const prune = await planNixPrune(folder, keep);
      const { dropped, kept, rows, unfinished } = prune;
      return {
        folder,
        prune,
        changed: dropped.length + rows.length + unfinished.length > 0,
        bytesToMove: 0,
        bytesToReuse: 0,
        exact: true,
        requests: 0,
        why:
          `${dropped.length} of ${dropped.length + kept.length} images are neither current nor ` +
          `among the ${keep} used last; nothing else needs ${rows.length} of their paths`,
        objects: rows.map(({ storePath, narSize }) => ({
          label: storePath.path,
          sizeBytes: narSize,
          state: "present",
        })),
      };
    },
    async move({ folder }, { meter, signal, record }) {
      const onWait = (message: string) => meter.note(message);
      const lock = { timeoutMs: lockTimeoutMs(), onWait, signal, deleting: true };
      using _lock = await lockNixFolder(folder, lock);
      const prune = await planNixPrune(folder, keep);
      await pruneNixFolder(
        folder,
        prune,
        (row) => record(row.storePath.path, "deleted"),
        signal,
      );
      return prune;
    },
    verify: () => Promise.resolve(),
    commit: (_plan, prune) => Promise.resolve(resultOf(prune)),
    standing: ({ prune }) => resultOf(prune),
  };
  return await runInPlace(place, operation, context);
}

function resultOf({ dropped, kept, rows }: NixPrunePlan): Omit<PruneStoreResult, keyof Figures> {
  const name = ({ digest, nixVersion }: CarriedImage) => ({ digest, nixVersion });
  return {
    dropped: dropped.map(name),
    kept: kept.map(name),
    paths: rows.length,
    bytes: rows.reduce((sum, row) => sum + row.narSize, 0),
  };
}
