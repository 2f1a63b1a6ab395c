/**
 * Plans are honest: over random histories of a cache, layouts, registries, stores and catalogs, with servers that fail and runs that
 * are cut short in between, a dry run writes nothing, here or there, and foresees what the run that follows then does.
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import fc from "fast-check";
import { Cache } from "../../lib/cache/cache.ts";
import { Journal } from "../../lib/journal/journal.ts";
import type { OperationEvent } from "../../lib/operation/event.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { FaultyCache } from "../support/binary_cache.ts";
import { CatalogServer } from "../support/catalog_server.ts";
import { FakeRegistry } from "../support/fake_registry.ts";
import { startOrigin } from "../support/origin.ts";
import {
  breakServers,
  prepare,
  type Step,
  steps,
  type Work,
  type World,
} from "../support/random_history.ts";
import { treeOf } from "../support/tree.ts";

/** How long a run may struggle with servers that fail before it is stopped. */
const troubleMs = 150;

/** Runs a task that gets into trouble; how it ends is of no matter here, as long as it ends. */
async function runIntoTrouble(work: Work, step: Step, world: World): Promise<void> {
  if (step.trouble === "none") return;
  const stop = new AbortController();
  const report = (event: OperationEvent) => {
    if (event.type === "phase-start" && event.phase === "verify") stop.abort(new Error("cut"));
  };
  if (step.trouble === "stop") {
    await run(work, world.dir, { report, signal: stop.signal }).catch((error: Error) => {
      assertEquals(error.message, "cut");
    });
    return await atRest(world);
  }
  using _broken = breakServers(step, world);
  await run(work, world.dir, { signal: AbortSignal.timeout(troubleMs) }).catch((error: unknown) => {
    assert(error instanceof Error, String(error));
  });
  await atRest(world);
}

/**
 * Waits until nothing more comes to a server: what a run that was stopped had sent may still be on its way, or at work. One long pause may
 * pass while this process stands still; after several short ones the servers, which live in it, have had their turns.
 */
async function atRest(world: World): Promise<void> {
  const look = async () => JSON.stringify([requestsOf(world), [...await everything(world)]]);
  for (let before = "", now = await look(); now !== before;) {
    before = now;
    for (let turn = 0; turn < 10; turn++) await delay(5);
    await world.registry.idle();
    now = await look();
  }
}

/** All that there is, here and on the servers, but for what a reader of SQLite leaves beside the database. */
async function everything(world: World): Promise<Map<string, string>> {
  const { dir, registry, store, catalog } = world;
  const all = new Map([...await treeOf(dir)].filter(([name]) => !/-(wal|shm)$/.test(name)));
  for (const [digest, bytes] of registry.store.blobs) all.set(`blob ${digest}`, `${bytes.length}`);
  for (const [name, { blobs, manifests, tags }] of registry.store.repositories) {
    all.set(`repository ${name}`, JSON.stringify([[...blobs], [...manifests.keys()], [...tags]]));
  }
  all.set("uploads", String(registry.store.uploads.size));
  for (const [key, bytes] of store.objects) all.set(`object ${key}`, String(bytes.length));
  for (const [id, entry] of catalog.entries) all.set(`entry ${id}`, JSON.stringify(entry));
  all.set("history", JSON.stringify(catalog.history));
  return all;
}

/** The requests that came to each server so far. */
function requestsOf({ origin, registry, store, catalog }: World): string[][] {
  return [
    ...[origin, registry, catalog].map((server) =>
      server.requests.map(({ method, path }) => `${method} ${path}`)
    ),
    store.requests.map(({ method, key }) => `${method} ${key}`),
  ];
}

/** What came to any server beside what had come before. */
function since(before: readonly string[][], world: World): string[] {
  return requestsOf(world).flatMap((requests, server) => requests.slice(before[server]!.length));
}

/** Runs a task with a journal of its own that is closed at the end, so that all of it is in one file. */
async function run(work: Work, dir: string, context: TaskContextOptions = {}): Promise<Figures> {
  const cache = new Cache(join(dir, "cache"));
  using journal = new Journal({ path: join(cache.dir, "journal-v1.db") });
  return await work({ cache, journal, ...context });
}

/** Runs one step: into trouble, then planned, then run; and holds the plan against the run. */
async function walk(step: Step, world: World, label: string): Promise<void> {
  const work = await prepare(step, world);
  await runIntoTrouble(work, step, world);
  const before = await everything(world);
  const asked = requestsOf(world);
  let exact = true;
  const plan = await run(work, world.dir, {
    dryRun: true,
    report: (event) => {
      if (event.type === "plan") exact &&= event.exact;
    },
  });
  assertEquals(await everything(world), before, `${label}: a dry run wrote`);
  const changing = since(asked, world).filter((request) => !/^(GET|HEAD) /.test(request));
  assertEquals(changing, [], `${label}: a dry run asked for more than an answer`);
  const planned = requestsOf(world);
  const real = await run(work, world.dir);
  const sent = since(planned, world).length;
  assertEquals(real.changed, plan.changed, `${label}: changed`);
  assertEquals(real.requests, sent, `${label}: requests`);
  assertEquals(real.why, plan.why, `${label}: why`);
  if (exact) assertEquals(real.bytesMoved, plan.bytesMoved, `${label}: bytes moved`);
  // A store that lost a part of what it took may need fewer than were foreseen, and never more.
  if (exact && step.trouble !== "faults") {
    assertEquals(real.requests, plan.requests, `${label}: requests`);
  }
  assert(real.bytesMoved <= plan.bytesMoved, `${label}: more bytes moved than was said`);
  assert(real.requests <= plan.requests, `${label}: more requests than were said`);
  if (exact) assertEquals(real.bytesReused, plan.bytesReused, `${label}: bytes reused`);
  assert(real.bytesReused >= plan.bytesReused, `${label}: fewer bytes reused than was said`);
  const again = await run(work, world.dir, { dryRun: true });
  if (step.kind !== "kexec" || !step.refresh) {
    assertEquals([again.changed, again.bytesMoved], [false, 0], `${label}: again`);
  }
  world.registry.quirks.clear();
}

Deno.test("a plan foresees the run, over random histories with faults and cut runs in between", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 6 }), async (history) => {
      const dir = await Deno.realPath(await Deno.makeTempDir());
      await using origin = startOrigin({});
      await using registry = new FakeRegistry();
      await using store = new FaultyCache();
      await using catalog = new CatalogServer();
      const world = { dir, origin, registry, store, catalog };
      try {
        for (const [index, step] of history.entries()) {
          await walk(step, world, `step ${index} ${JSON.stringify(step)}`);
        }
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    }),
    { numRuns: Number(Deno.env.get("KEDGE_TEST_HISTORIES") ?? 20) },
  );
});
