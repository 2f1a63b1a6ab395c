/**
 * Paths of a carried store, brought to a binary cache or to the Nix of this machine.
 *
 * Invariants: a path is packed and hashed only where it is missing; it counts as brought after the other store was asked for it again.
 *
 * @module
 */
import { checkOptions } from "../../lib/base/check_options.ts";
import { KedgeError, UsageError } from "../../lib/base/errors.ts";
import { rowClosure } from "../../lib/nix/folder/row_closure.ts";
import { StoreDatabase } from "../../lib/nix/folder/store_database.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import type { Selection } from "./export_plan.ts";
import type { CopyStoreResult, ExportStoreOptions } from "./copy_store.ts";
import { exportToCache } from "./export_to_cache.ts";
import { exportToNix } from "./export_to_nix.ts";
import { type AskingStep, nixPlace } from "./nix_place.ts";
import { runInPlace } from "./run_in_place.ts";
import { baseNamesOf, checkKeys, copyShapes, storeEnd } from "./store_end.ts";

export { collectingAfter } from "../shared/collecting_after.ts";

/** Does the work of `exportStore`. */
export async function runExportStore(
  options: ExportStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<CopyStoreResult> {
  const context = resolveContext(ctx);
  checkOptions(options, { to: "text" }, { ...copyShapes, paths: "texts", level: "number" });
  const end = storeEnd(options.to);
  checkKeys(end, "a signing key", options.signingKey);
  const names = options.paths === undefined ? undefined : baseNamesOf(options.paths);
  if (names?.length === 0) throw new UsageError("Cannot export: paths is empty");
  const place = await nixPlace(options.from, options.engine, context);
  const select = async (step: AskingStep): Promise<Selection> => {
    const folder = await place.find(step);
    using database = folder === undefined
      ? undefined
      : await StoreDatabase.read(folder.databaseFolder);
    if (folder === undefined || database === undefined) {
      throw new KedgeError(`Cannot export from ${place.label}: there is no store in it`, {
        side: "source",
        hint: "fill it first, with base-image:carry",
      });
    }
    const valid = database.rows();
    const only = options.closure === false;
    const rows = rowClosure(valid, names ?? valid.keys(), place.label, only);
    const closure = rows.map((row) => ({ ...row, files: folder.pathOf(row.storePath.baseName) }));
    return { folder, closure };
  };
  await using opened = new AsyncDisposableStack();
  const subject = `${place.label} -> ${end.shown}`;
  const parts = { options, subject, select };
  if (end.kind === "nix") {
    return await runInPlace(place, exportToNix({ ...parts, end }), context);
  }
  const operation = await exportToCache({ ...parts, end, context, opened });
  return await runInPlace(place, operation, context);
}
