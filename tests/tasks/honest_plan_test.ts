/**
 * Plans are honest: over random histories of a cache, a layout, a registry, a store and a catalog, with runs that were cut short in
 * between, a dry run writes nothing and foresees what the run that follows then does.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import fc from "fast-check";
import { Cache } from "../../lib/cache/cache.ts";
import { Journal } from "../../lib/journal/journal.ts";
import type { OperationEvent } from "../../lib/operation/event.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { syncImage } from "../../tasks/image.ts";
import { cacheKexec } from "../../tasks/kexec.ts";
import { publish } from "../../tasks/publish.ts";
import { bundleBytes } from "../support/bundle.ts";
import { FakeRegistry } from "../support/fake_registry.ts";
import { randomBytes, writeImage } from "../support/layout.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { treeOf } from "../support/tree.ts";

const bundles = ["1", "2"].map((version) => bundleBytes({ size: 200_000, version }));

interface World {
  dir: string;
  origin: Origin;
  registry: FakeRegistry;
}

type Work = (context: TaskContextOptions) => Promise<Figures>;

/** One step of a history: what changes outside, and then a task that is to follow. */
type Step =
  | { kind: "kexec"; version: number; refresh: boolean; stop: boolean }
  | { kind: "image"; layers: number[]; to: "layout" | "registry"; stop: boolean }
  | { kind: "publish"; contents: number; version: number; stop: boolean };

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("kexec" as const),
    version: fc.nat(1),
    refresh: fc.boolean(),
    stop: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("image" as const),
    layers: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 4 }),
    to: fc.constantFrom("layout" as const, "registry" as const),
    stop: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("publish" as const),
    contents: fc.nat(2),
    version: fc.nat(9),
    stop: fc.boolean(),
  }),
);

async function prepare(step: Step, { dir, origin, registry }: World): Promise<Work> {
  if (step.kind === "kexec") {
    origin.files.set("/b.tar.gz", { body: bundles[step.version]! });
    const url = origin.url("/b.tar.gz");
    return (context) => cacheKexec({ url }, { ...context, refresh: step.refresh ? "all" : "none" });
  }
  if (step.kind === "image") {
    const layers = step.layers.map((seed) => randomBytes(20_000 + seed * 1000, seed + 1));
    await writeImage(join(dir, "images"), "a", { layers });
    const from = `oci:${join(dir, "images")}:a`;
    const to = step.to === "layout"
      ? `oci:${join(dir, "copy")}:a`
      : `docker://${registry.host}/acme/vm:a`;
    return (context) => syncImage({ from, to }, context);
  }
  const folder = join(dir, `package-${step.contents}`);
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeFile(join(folder, "data"), randomBytes(30_000, step.contents + 7));
  await Deno.writeTextFile(join(folder, "text"), "the same words again ".repeat(3000));
  return (context) =>
    publish({
      name: "acme",
      version: `${step.contents}.${step.version}`,
      paths: [folder],
      stores: [`file://${join(dir, "store")}`],
      catalog: `sqlite://${join(dir, "catalog.db")}`,
    }, context);
}

/** Runs a task and stops it when its first bytes move. */
async function runCutShort(work: Work, dir: string): Promise<void> {
  const stop = new AbortController();
  const report = (event: OperationEvent) => {
    if (event.type === "phase-start" && event.phase === "verify") stop.abort(new Error("cut"));
  };
  await run(work, dir, { report, signal: stop.signal }).catch((error: Error) => {
    assertEquals(error.message, "cut");
  });
}

/** The files of the world, but for what a reader of SQLite leaves beside the database. */
async function tree(dir: string): Promise<[string, string][]> {
  return [...await treeOf(dir)].filter(([name]) => !/-(wal|shm)$/.test(name));
}

/** Runs a task with a journal of its own that is closed at the end, so that all of it is in one file. */
async function run(work: Work, dir: string, context: TaskContextOptions = {}): Promise<Figures> {
  const cache = new Cache(join(dir, "cache"));
  using journal = new Journal({ path: join(cache.dir, "journal-v1.db") });
  return await work({ cache, journal, ...context });
}

/** Runs one step: cut short, then planned, then run; and holds the plan against the run. */
async function walk(step: Step, world: World, label: string): Promise<void> {
  const work = await prepare(step, world);
  if (step.stop) await runCutShort(work, world.dir);
  const before = new Map(await tree(world.dir));
  const uploads = world.registry.receivedBytes;
  let exact = true;
  const plan = await run(work, world.dir, {
    dryRun: true,
    report: (event) => {
      if (event.type === "plan") exact &&= event.exact;
    },
  });
  const after = await tree(world.dir);
  const changed = after.filter(([name, summary]) => before.get(name) !== summary)
    .map(([name]) => name);
  assertEquals(changed, [], `${label}: a dry run wrote`);
  assertEquals(after.length, before.size, `${label}: a dry run removed`);
  assertEquals(world.registry.receivedBytes, uploads, `${label}: a dry run uploaded`);
  const real = await run(work, world.dir);
  assertEquals(real.changed, plan.changed, `${label}: changed`);
  assertEquals(real.requests, plan.requests, `${label}: requests`);
  assertEquals(real.why, plan.why, `${label}: why`);
  if (exact) assertEquals(real.bytesMoved, plan.bytesMoved, `${label}: bytes moved`);
  else assert(real.bytesMoved <= plan.bytesMoved, `${label}: more bytes moved than was said`);
  assertEquals(real.bytesReused, plan.bytesReused, `${label}: bytes reused`);
  const again = await run(work, world.dir, { dryRun: true });
  if (step.kind !== "kexec" || !step.refresh) {
    assertEquals([again.changed, again.bytesMoved], [false, 0], `${label}: again`);
  }
}

Deno.test("a plan foresees the run, over random histories with runs cut short in between", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 6 }), async (history) => {
      const dir = await Deno.realPath(await Deno.makeTempDir());
      await using origin = startOrigin({});
      await using registry = new FakeRegistry();
      try {
        for (const [index, step] of history.entries()) {
          await walk(step, { dir, origin, registry }, `step ${index} ${JSON.stringify(step)}`);
        }
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    }),
    { numRuns: 20 },
  );
});
