/**
 * Paths of a binary cache or of the Nix of this machine, brought into a carried store.
 *
 * Invariants: a NAR is hashed while it is written, where nobody looks; a path is valid only after it, and all that it needs, is there and
 * synced to the disk; what was there when an import was planned is looked for again under the lock.
 *
 * @module
 */
import { join } from "@std/path";
import { formatBytes } from "../../lib/base/bytes.ts";
import { checkOptions } from "../../lib/base/check_options.ts";
import { counted } from "../../lib/base/counted.ts";
import { checkFreeBytes, whileRoom } from "../../lib/base/disk_space.ts";
import { IncompleteError, UsageError, VerificationError } from "../../lib/base/errors.ts";
import { lockTimeoutMs } from "../../lib/cache/lock_timeout.ts";
import { withOutputs } from "../../lib/nix/folder/derivation_outputs.ts";
import type { WritingAhead } from "../../lib/nix/stores/foresee_writing.ts";
import { lockNixFolder } from "../../lib/nix/folder/lock_nix_folder.ts";
import { makeFolders } from "../../lib/nix/folder/make_folders.ts";
import { type NixFolder, nixStoreDir } from "../../lib/nix/folder/nix_folder.ts";
import { putLinks, readLinks, storeNameOf } from "../../lib/nix/folder/nix_links.ts";
import type { PathInfo } from "../../lib/nix/path_info.ts";
import { rowClosure } from "../../lib/nix/folder/row_closure.ts";
import { registerPaths } from "../../lib/nix/folder/register_paths.ts";
import type { StoreRow } from "../../lib/nix/folder/store_row.ts";
import { storeDifference } from "../../lib/nix/folder/store_difference.ts";
import { StoreStage } from "../../lib/nix/folder/store_stage.ts";
import type { Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import type { CopyStanding } from "./export_plan.ts";
import type { CopyStoreResult, ImportStoreOptions } from "./copy_store.ts";
import { type ImportSource, importSource } from "./import_source.ts";
import { type NixPlace, nixPlace } from "./nix_place.ts";
import { runInPlace } from "./run_in_place.ts";
import { baseNamesOf, checkKeys, copyShapes, storeEnd } from "./store_end.ts";

const rootsFolder = "gcroots/kedge/imported";

interface ImportPlan extends Plan {
  /** What the source said of paths that are not there. */
  rows: readonly StoreRow[];
  /** The named paths, and what they need where that was asked for. */
  closure: readonly StoreRow[];
  pathsMissing: number;
  ahead: WritingAhead;
}

interface Imported {
  /** The plan as it was under the lock. */
  plan: ImportPlan;
  folder: NixFolder;
  rows: readonly StoreRow[];
  pathsMoved: number;
}

interface ImportParts {
  names: readonly string[];
  single: boolean;
  subject: string;
  place: NixPlace;
  source: ImportSource;
  context: TaskContext;
  opened: AsyncDisposableStack;
}

/** Does the work of `importStore`. */
export async function runImportStore(
  options: ImportStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<CopyStoreResult> {
  const context = resolveContext(ctx);
  checkOptions(options, { from: "text", paths: "texts" }, { ...copyShapes, publicKeys: "texts" });
  const names = baseNamesOf(options.paths);
  if (names.length === 0) throw new UsageError("Cannot import: paths is empty");
  const end = storeEnd(options.from);
  checkKeys(end, "public keys", options.publicKeys);
  const place = await nixPlace(options.to, options.engine, context);
  await using opened = new AsyncDisposableStack();
  const source = await importSource(end, options, context, opened);
  const subject = `${end.shown} -> ${place.label}`;
  const single = options.closure === false;
  const parts = { names, single, subject, place, source, context, opened };
  return await runInPlace(place, new ImportOperation(parts), context, ({ ahead }) => ahead);
}

class ImportOperation implements Operation<ImportPlan, Imported, CopyStanding> {
  readonly kind = "base-image:import";
  readonly subject: string;
  readonly #parts: ImportParts;

  constructor(parts: ImportParts) {
    this.#parts = parts;
    this.subject = parts.subject;
  }

  async plan(step: Step): Promise<ImportPlan> {
    const { names, single, place, source, context } = this.#parts;
    const folder = await place.find(step);
    const { valid, isThere } = await storeDifference([], folder, step.signal);
    const known = names.filter((name) => valid.has(name));
    const needed = rowClosure(valid, known, place.label, single);
    const lost = needed.map(({ storePath }) => storePath.baseName).filter((name) => !isThere(name));
    const wanted = [...new Set([...names, ...lost])];
    const now = Math.floor(context.cache.now() / 1000);
    const infos = await source.closure(wanted, isThere, step);
    const rows = infos.map((info) => ({
      ...info,
      registeredSeconds: now,
      ultimate: false,
      outputs: {},
    }));
    checkReferences(rows, isThere);
    const { missing, left } = await storeDifference(rows, folder, step.signal);
    const all = new Map([...valid, ...rows.map((row) => [row.storePath.baseName, row] as const)]);
    const closure = rowClosure(all, names, place.label, single);
    const bytesToMove = bytesOf(missing);
    const absent = new Set(missing.map((row) => row.storePath.baseName));
    const isRooted = folder !== undefined && await hasRoots(folder, names);
    return {
      rows,
      closure,
      pathsMissing: missing.length,
      ahead: {
        folders: [
          ...["var/kedge/staging", ...(missing.length > 0 ? ["var/kedge", "store"] : [])],
          ...(isRooted ? [] : [`var/nix/${rootsFolder}`]),
        ],
        database: missing.length + left.length > 0,
      },
      changed: missing.length + left.length > 0 || !isRooted,
      bytesToMove,
      bytesToReuse: bytesOf(closure) - bytesOf(missing),
      exact: true,
      requests: missing.length * source.requestsEach,
      why: missing.length === 0
        ? `${place.label} has all of it` + (isRooted ? "" : ", and no root for it")
        : `${place.label} lacks ${counted(missing.length, "path")} (${formatBytes(bytesToMove)})`,
      objects: closure.map(({ storePath: { path, baseName }, narSize }) => ({
        label: path,
        sizeBytes: narSize,
        state: absent.has(baseName) ? "missing" : "present",
      })),
    };
  }

  async move(plan: ImportPlan, step: Step): Promise<Imported> {
    const { place, opened } = this.#parts;
    const { meter, signal } = step;
    const folder = await place.make(step);
    const onWait = (message: string) => meter.note(message);
    opened.use(await lockNixFolder(folder, { timeoutMs: lockTimeoutMs(), onWait, signal }));
    return await whileRoom(folder.path, () => this.#bring(plan, folder, step));
  }

  async #bring(planned: ImportPlan, folder: NixFolder, step: Step): Promise<Imported> {
    const { source } = this.#parts;
    const { meter, signal, record } = step;
    makeFolders(folder, ["var/nix/db"]);
    let plan = planned;
    let { missing, left, isThere } = await storeDifference(plan.closure, folder, signal);
    const coming = new Set(plan.rows);
    if ([...missing, ...left].some((row) => !coming.has(row))) {
      // A prune took what was there.
      plan = await this.plan(step);
      ({ missing, left, isThere } = await storeDifference(plan.closure, folder, signal));
    }
    checkReferences([...missing, ...left], isThere);
    checkFreeBytes(folder.path, bytesOf(missing));
    await using stage = await StoreStage.make(folder, missing);
    for (const row of missing) {
      const { path, baseName } = row.storePath;
      using object = meter.object(path, row.narSize);
      const tree = stage.tree(baseName);
      tree.hashedElsewhere();
      const written = await source.write(row, tree, signal);
      checkWritten(row, written);
      await stage.placeProven(baseName);
      object.moved(row.narSize);
      record(path, "placed", { narHash: row.narHash });
    }
    meter.reused(bytesOf(plan.closure) - bytesOf(missing));
    return { plan, folder, rows: [...left, ...missing], pathsMoved: missing.length };
  }

  replanned({ plan }: Imported): ImportPlan {
    return plan;
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  async commit(_plan: ImportPlan, imported: Imported): Promise<CopyStanding> {
    return await whileRoom(imported.folder.path, () => this.#register(imported));
  }

  async #register({ plan, folder, rows, pathsMoved }: Imported): Promise<CopyStanding> {
    await registerPaths(folder, await withOutputs(folder, rows));
    const rootOf = (name: string) => ({
      path: `${rootsFolder}/${name}`,
      target: `${nixStoreDir}/${name}`,
    });
    await putLinks(folder, this.#parts.names.map(rootOf));
    return { ...this.standing(plan), pathsMoved };
  }

  standing({ closure, pathsMissing }: ImportPlan): CopyStanding {
    return { paths: closure.map(({ storePath }) => storePath.path), pathsMoved: pathsMissing };
  }
}

/** Whether Nix's garbage collector keeps these paths for their own sake. */
async function hasRoots(folder: NixFolder, names: readonly string[]): Promise<boolean> {
  const rooted = new Set((await readLinks(join(folder.state, rootsFolder))).map(storeNameOf));
  return names.every((name) => rooted.has(name));
}

/** Whatever is needed comes along, or is valid and there. */
function checkReferences(rows: readonly StoreRow[], isThere: (name: string) => boolean): void {
  const coming = new Set(rows.map((row) => row.storePath.baseName));
  for (const { storePath, references } of rows) {
    const lacking = references.find((name) => !coming.has(name) && !isThere(name));
    if (lacking === undefined) continue;
    throw new IncompleteError(
      `Cannot import "${storePath.path}": it needs "${lacking}", which is not there`,
      { side: "destination", hint: "import all that it needs, without --single" },
    );
  }
}

function checkWritten(row: PathInfo, written: Pick<PathInfo, "narHash" | "narSize">): void {
  if (written.narHash === row.narHash && written.narSize === row.narSize) return;
  throw new VerificationError(
    `Cannot import "${row.storePath.path}": its NAR has the hash ${written.narHash} and ${written.narSize} bytes instead of ${row.narHash} and ${row.narSize}`,
    { side: "source", data: { expected: row.narHash, actual: written.narHash } },
  );
}

function bytesOf(rows: readonly StoreRow[]): number {
  return rows.reduce((sum, row) => sum + row.narSize, 0);
}
