/**
 * Frees what no kept image needs of a carried store, and what killed runs left there.
 *
 * Invariants: what is deleted is planned again under the lock, so that nothing goes that came to be needed meanwhile.
 *
 * @module
 */
import { dirname } from "@std/path";
import { formatBytes } from "../../lib/base/bytes.ts";
import { checkOptions, refusedOption } from "../../lib/base/check_options.ts";
import { whileRoom } from "../../lib/base/disk_space.ts";
import { KedgeError, NoRoomError } from "../../lib/base/errors.ts";
import { ifThere, isReadOnly } from "../../lib/base/files.ts";
import { isLockHeld } from "../../lib/base/file_lock.ts";
import { lockTimeoutMs } from "../../lib/cache/lock_timeout.ts";
import type { CarriedImage } from "../../lib/nix/folder/carried_images.ts";
import type { WritingAhead } from "../../lib/nix/stores/foresee_writing.ts";
import { lockNixFolder } from "../../lib/nix/folder/lock_nix_folder.ts";
import type { LoosePath } from "../../lib/nix/folder/loose_paths.ts";
import { type NixFolder, nixStoreDir } from "../../lib/nix/folder/nix_folder.ts";
import {
  type NixPrunePlan,
  planNixPrune,
  pruneNixFolder,
} from "../../lib/nix/folder/prune_nix_folder.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation } from "../../lib/operation/operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { nixPlace } from "./nix_place.ts";
import { runInPlace } from "./run_in_place.ts";
import type { PruneStoreOptions, PruneStoreResult } from "./store.ts";

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
  checkOptions(options, { keep: "number" }, { engine: "object" });
  const { keep } = options;
  if (!Number.isInteger(keep) || keep < 0) {
    throw refusedOption("keep", keep, "a whole number from 0 on");
  }
  const place = await nixPlace(options.in, options.engine, context);
  const operation: Operation<PlannedPrune, PlannedPrune, Omit<PruneStoreResult, keyof Figures>> = {
    kind: "base-image:prune",
    subject: place.label,
    async plan({ meter, signal, dryRun }) {
      const folder = await place.find({ meter, signal });
      if (folder === undefined || await ifThere(Deno.stat(folder.path)) === undefined) {
        throw new KedgeError(`Cannot prune ${place.label}: there is none`, {
          hint: "fill it first, with base-image:carry",
        });
      }
      const prune = await planNixPrune(folder, keep);
      for (const { path, state } of prune.unreadable) {
        const advice = "carry that image again, or remove the file";
        meter.note(
          `what "${path}" says cannot be read (${state}); its image stays: ${advice}`,
          "warning",
        );
      }
      // What is not valid yet may be what another run has under way; a run that is no dry one waits for it, and plans again.
      if (!dryRun || !isAtWork(folder)) return planned(folder, prune, keep);
      const plan = planned(folder, {
        ...prune,
        begun: [],
        loose: [],
        gone: [],
        staged: [],
        names: [],
      }, keep);
      return { ...plan, why: `${plan.why}; another run is at work there` };
    },
    async move({ folder }, { meter, signal, record }) {
      const onWait = (message: string) => meter.note(message);
      const lock = { timeoutMs: lockTimeoutMs(), onWait, signal, deleting: true };
      using _lock = await lockNixFolder(folder, lock);
      const prune = await planNixPrune(folder, keep);
      const onRemoved = (path: string) => record(path, "deleted");
      await whileRoom(folder.path, () => pruneNixFolder(folder, prune, onRemoved, signal))
        .catch(refuseFull);
      return planned(folder, prune, keep);
    },
    replanned: (plan) => plan,
    verify: () => Promise.resolve(),
    commit: (_plan, { prune }) => Promise.resolve(resultOf(prune)),
    standing: ({ prune }) => resultOf(prune),
  };
  return await runInPlace(place, operation, context, ({ prune }) => aheadOf(prune));
}

/** A prune of what is valid must write a little, also on a disk that it is to free. */
function refuseFull(cause: unknown): never {
  if (!(cause instanceof NoRoomError)) throw cause;
  throw new NoRoomError(cause.message, {
    cause,
    hint: "make a little room there, and run it again: what goes is noted before it is deleted",
  });
}

/** Whether another run holds the lock; that this user may not take it is told by what is foreseen. */
function isAtWork(folder: NixFolder): boolean {
  try {
    return isLockHeld(folder.lock);
  } catch (error) {
    if (isReadOnly(error)) return false;
    throw error;
  }
}

function aheadOf(
  { dropped, begun, links, rows, loose, gone, staged, names }: NixPrunePlan,
): WritingAhead {
  return {
    folders: [
      ...new Set([...links.map(({ path }) => `var/nix/${path}`), ...names].map(dirname)),
      ...(dropped.length + begun.length + rows.length > 0 ? ["var/kedge"] : []),
      ...(dropped.length > 0 ? ["var/kedge/images"] : []),
      ...(dropped.length + begun.length > 0 ? ["var/nix/gcroots/kedge"] : []),
      ...(rows.length + loose.length > 0 ? ["store"] : []),
      ...(gone.length > 0 ? ["store/.links"] : []),
      ...(staged.length > 0 ? ["var/kedge/staging"] : []),
    ],
    database: rows.length > 0,
  };
}

function planned(folder: NixFolder, prune: NixPrunePlan, keep: number): PlannedPrune {
  const { dropped, kept, used, begun, rows, loose, gone, staged, names } = prune;
  return {
    folder,
    prune,
    changed: [dropped, begun, rows, loose, gone, staged, names].some((each) => each.length > 0),
    bytesToMove: 0,
    bytesToReuse: 0,
    exact: true,
    requests: 0,
    why: `${dropped.length} of ${dropped.length + kept.length} images are neither current nor ` +
      `among the ${keep} used last${
        used ? ", nor in use" : ""
      }; nothing else needs ${rows.length} of their paths${sizeOf(rows)}${leftOf(prune)}`,
    objects: pathsOf(prune).map(({ baseName, narSize }) => ({
      label: `${nixStoreDir}/${baseName}`,
      sizeBytes: narSize,
      state: "present",
    })),
  };
}

/** What some paths take together, for people. */
function sizeOf(paths: readonly { narSize: number }[]): string {
  return paths.length === 0 ? "" : ` (${formatBytes(bytesOf(paths))})`;
}

function bytesOf(paths: readonly { narSize: number }[]): number {
  return paths.reduce((sum, { narSize }) => sum + narSize, 0);
}

/** What killed runs left, for people. */
function leftOf({ begun, loose, gone, staged, names }: NixPrunePlan): string {
  if (loose.length > 0) {
    return `; killed runs left ${loose.length} paths that are not valid${sizeOf(loose)}`;
  }
  if (begun.length + staged.length + names.length > 0) {
    return "; a killed run left what it had under way";
  }
  return gone.length === 0 ? "" : "; a killed run may have left other names of files that are gone";
}

function resultOf(prune: NixPrunePlan): Omit<PruneStoreResult, keyof Figures> {
  const name = ({ digest, nixVersion }: CarriedImage) => ({ digest, nixVersion });
  const paths = pathsOf(prune);
  return {
    dropped: prune.dropped.map(name),
    kept: prune.kept.map(name),
    paths: paths.length,
    bytes: bytesOf(paths),
  };
}

function pathsOf({ rows, loose }: NixPrunePlan): LoosePath[] {
  return [
    ...rows.map(({ storePath: { baseName }, narSize }) => ({ baseName, narSize })),
    ...loose,
  ];
}
