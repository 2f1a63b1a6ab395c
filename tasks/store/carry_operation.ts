/**
 * The store of a base image, carried into a volume: the four steps.
 *
 * Invariants: nothing is valid in the volume before it was hashed and found to be what the image's database says, and synced to the disk; the
 * note of the image comes after all else, so that a run that was killed is none; a path that is valid is never touched.
 *
 * @module
 */
import { whileRoom } from "../../lib/base/disk_space.ts";
import { formatBytes } from "../../lib/base/bytes.ts";
import { type Carried, carryImage, rootsOf, rowBytes } from "../../lib/carry/bring_image.ts";
import { checkContents, checkRows, sampleOf } from "../../lib/carry/check_store.ts";
import { surveyImage } from "../../lib/carry/survey_image.ts";
import { lockTimeoutMs } from "../../lib/cache/lock_timeout.ts";
import { CarriedImages } from "../../lib/nix/folder/carried_images.ts";
import { lockNixFolder } from "../../lib/nix/folder/lock_nix_folder.ts";
import { noteBuiltPaths } from "../../lib/nix/folder/note_built_paths.ts";
import { putLinks } from "../../lib/nix/folder/nix_links.ts";
import { registerPaths } from "../../lib/nix/folder/register_paths.ts";
import { storeDifference } from "../../lib/nix/folder/store_difference.ts";
import { checkOptions, refusedOption } from "../../lib/base/check_options.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { registriesShapes } from "../shared/registry_rules.ts";
import { carryAhead } from "./carry_ahead.ts";
import { CarryNotes, type CarryPlan } from "./carry_notes.ts";
import { CarrySource } from "./carry_source.ts";
import type { CarryStoreOptions, CarryStoreResult } from "./store.ts";
import { type NixPlace, nixPlace } from "./nix_place.ts";
import { runInPlace } from "./run_in_place.ts";

export { collectingAfter } from "../shared/collecting_after.ts";

type Standing = Omit<CarryStoreResult, keyof Figures>;

interface Brought extends Carried {
  /** What is left to do, where the store was there already. */
  left?: CarryPlan;
}

/** Does the work of `carryStore`. */
export async function runCarryStore(
  options: CarryStoreOptions,
  ctx: TaskContextOptions = {},
): Promise<CarryStoreResult> {
  const context = resolveContext(ctx);
  checkOptions(options, {}, { engine: "object", ...registriesShapes });
  const { base, check = "sample" } = options;
  if (typeof base?.manifestDigest !== "string" || typeof base.reference !== "string") {
    throw refusedOption("base", base, "what baseImage() gives");
  }
  if (check !== "sample" && check !== "full") {
    throw refusedOption("check", check, "sample or full");
  }
  const place = await nixPlace(options.to, options.engine, context);
  await using opened = new AsyncDisposableStack();
  const operation = new CarryOperation(options, place, context, opened);
  return await runInPlace(place, operation, context, carryAhead);
}

class CarryOperation implements Operation<CarryPlan, Brought, Standing> {
  readonly kind = "base-image:carry";
  readonly subject: string;
  readonly #options: CarryStoreOptions;
  readonly #place: NixPlace;
  readonly #context: TaskContext;
  readonly #opened: AsyncDisposableStack;
  readonly #notes: CarryNotes;
  readonly #source: CarrySource;

  constructor(
    options: CarryStoreOptions,
    place: NixPlace,
    context: TaskContext,
    opened: AsyncDisposableStack,
  ) {
    this.#options = options;
    this.#place = place;
    this.#context = context;
    this.#opened = opened;
    this.#notes = new CarryNotes(options, place, context);
    this.#source = new CarrySource(options, place, context, opened);
    this.subject = `Nix ${options.base.nixVersion} -> ${place.label}`;
  }

  async plan(step: Step): Promise<CarryPlan> {
    const remembered = await this.#place.remembered();
    let note = await this.#notes.find(remembered);
    if (note !== undefined) return await this.#notes.plan(note, remembered!);
    const folder = await this.#place.find(step);
    note = folder?.path === remembered?.path ? undefined : await this.#notes.find(folder);
    if (note !== undefined) return await this.#notes.plan(note, folder!);
    if (folder !== undefined) await this.#notes.checkPlatform(folder);
    const source = await this.#source.open(folder, step);
    const survey = async () => {
      const work = await this.#temporary();
      const options = { name: this.#options.base.reference, work, signal: step.signal };
      return await whileRoom(work, () => surveyImage(source, options));
    };
    const image = await this.#source.reading(survey);
    const all = [...image.rows.values()];
    const { missing, present, left } = await storeDifference(all, folder, step.signal);
    const bytesToMove = rowBytes(missing);
    const names = new Set(missing.map((row) => row.storePath.baseName));
    return {
      folder,
      image: { ...image, source, survey },
      pathsMissing: missing.length,
      registers: missing.length + left.length > 0,
      changed: true,
      bytesToMove,
      bytesToReuse: rowBytes(present) + rowBytes(left),
      exact: true,
      requests: await source.requestsToRead((name) => names.has(name)),
      why: missing.length === 0
        ? `${this.#place.label} has all ${all.length} paths of it, ${
          this.#options.check === "full" ? "to be hashed again" : "and no note of that"
        }`
        : `${this.#place.label} lacks ${missing.length} of ${all.length} paths of it (${
          formatBytes(bytesToMove)
        })`,
      objects: all.map(({ storePath: { path, baseName }, narSize }) => ({
        label: path,
        sizeBytes: narSize,
        state: names.has(baseName) ? "missing" : "present",
      })),
    };
  }

  async move(plan: CarryPlan, step: Step): Promise<Brought> {
    const folder = await this.#place.make(step);
    this.#opened.use(
      await lockNixFolder(folder, {
        timeoutMs: lockTimeoutMs(),
        onWait: (message) => step.meter.note(message),
        signal: step.signal,
      }),
    );
    const nothing = {
      folder,
      rows: [],
      present: [],
      valid: new Map(),
      pathsMoved: 0,
      layerBytes: 0,
    };
    // Another run may have done the work while this one waited, or a prune undone what was there.
    const note = await this.#notes.find(folder);
    if (note !== undefined) {
      const left = await this.#notes.plan(note, folder);
      return { ...nothing, note: left.note, left };
    }
    await this.#notes.checkPlatform(folder);
    const image = plan.image ?? (await this.plan(step)).image!;
    const { base } = this.#options;
    const bring = { base, image, folder, usedMs: this.#context.cache.now() };
    const carried = await this.#source.reading(() =>
      whileRoom(folder.path, () => carryImage(bring, step))
    );
    this.#source.release();
    return carried;
  }

  replanned({ left }: Brought): CarryPlan | undefined {
    return left;
  }

  async verify(_plan: CarryPlan, carried: Carried, step: Step): Promise<void> {
    const { folder, rows, present, valid } = carried;
    if (rows.length + present.length === 0) return;
    const names = [...valid.keys(), ...rows.map((row) => row.storePath.baseName)];
    const strays = await checkRows(folder, names, step.signal);
    if (strays.length > 0) {
      step.meter.note(
        `${strays.length} paths in ${this.#place.label} are not valid, as "${
          strays[0]
        }": a build has them under way, ` +
          "or a build or a run that was ended left them; nix-store --gc removes those, and base-image:prune what kedge placed",
        "warning",
      );
    }
    const again = this.#options.check === "full" ? present : sampleOf(present);
    await checkContents(folder, again, step.signal);
  }

  async commit(_plan: CarryPlan, carried: Carried, step: Step): Promise<Standing> {
    return await whileRoom(carried.folder.path, () => this.#register(carried, step));
  }

  async #register(carried: Carried, step: Step): Promise<Standing> {
    const { folder, note, rows, present, valid, pathsMoved, layerBytes } = carried;
    await noteBuiltPaths(folder, present, valid);
    // First, so that a run which is killed later leaves nothing valid of which nobody can tell where it came from.
    await putLinks(folder, rootsOf(note, carried));
    // Each path was proven by itself; links that went with the image were only not found.
    await registerPaths(folder, rows);
    await this.#source.checkReleased();
    await putLinks(folder, note.links);
    const images = new CarriedImages(folder);
    await images.put(note);
    await images.point(note.digest);
    step.record(note.digest, "carried", { folder: folder.path, paths: note.paths.length });
    return {
      folder: folder.path,
      digest: note.digest,
      paths: note.paths.length,
      pathsMoved,
      layerBytes,
    };
  }

  standing(plan: CarryPlan): Standing {
    const { folder, note, image, pathsMissing } = plan;
    return {
      ...(folder === undefined ? {} : { folder: folder.path }),
      digest: this.#options.base.manifestDigest,
      paths: note?.paths.length ?? image?.rows.size ?? 0,
      pathsMoved: pathsMissing,
      layerBytes: 0,
    };
  }

  /** A folder for a database on its way. */
  async #temporary(): Promise<string> {
    const { cache, dryRun } = this.#context;
    // What a killed run leaves in the cache goes with the next prune; a dry run leaves the cache as it is.
    if (!dryRun) return this.#opened.use(await cache.temporaryFolder("nix-db")).path;
    const work = await Deno.makeTempDir({ prefix: "kedge-nix-db-" });
    this.#opened.defer(() => Deno.remove(work, { recursive: true }));
    return work;
  }
}
