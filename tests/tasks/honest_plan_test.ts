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
import type { NarCompression } from "../../lib/nix/nar/compression.ts";
import type { OperationEvent } from "../../lib/operation/event.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { syncImage } from "../../tasks/image/image.ts";
import { syncImages } from "../../tasks/image/list.ts";
import { cacheKexec } from "../../tasks/kexec/kexec.ts";
import { publish } from "../../tasks/publish/publish.ts";
import { FaultyCache } from "../support/binary_cache.ts";
import { bundleBytes } from "../support/bundle.ts";
import { CatalogServer } from "../support/catalog_server.ts";
import { FakeRegistry, type Faults, type Quirk } from "../support/fake_registry.ts";
import { randomBytes, writeImage } from "../support/layout.ts";
import { type Origin, type OriginFault, startOrigin } from "../support/origin.ts";
import { treeOf } from "../support/tree.ts";

const bundles = ["1", "2"].map((version) => bundleBytes({ size: 200_000, version }));
const retry = { retries: 1, baseMs: 1, ceilingMs: 2 };

/** How long a run may struggle with servers that fail before it is stopped. */
const troubleMs = 150;

interface World {
  dir: string;
  origin: Origin;
  registry: FakeRegistry;
  store: FaultyCache;
  catalog: CatalogServer;
}

type Work = (context: TaskContextOptions) => Promise<Figures>;

/** What goes wrong before a task is planned and run. */
type Trouble = "none" | "stop" | "faults";

/** One step of a history: what changes outside, what goes wrong, and then a task that is to follow. */
type Step =
  & { trouble: Trouble }
  & (
    | {
      kind: "kexec";
      version: number;
      refresh: boolean;
      faults: OriginFault[];
      ranges: "honour" | "ignore";
    }
    | {
      kind: "image";
      layers: number[];
      from: "layout" | "registry";
      to: ("layout" | "registry")[];
      faults: Faults;
      quirk: Quirk | undefined;
    }
    | {
      kind: "publish";
      contents: number;
      version: number;
      compression: NarCompression;
      to: ("file" | "http")[];
      catalog: "sqlite" | "http";
      faults: ("unavailable" | "forget" | "cut" | "close")[];
    }
  );

const trouble = fc.constantFrom<Trouble>("none", "stop", "faults", "faults");
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    trouble,
    kind: fc.constant("kexec" as const),
    version: fc.nat(1),
    refresh: fc.boolean(),
    ranges: fc.constantFrom("honour" as const, "honour" as const, "ignore" as const),
    faults: fc.array(
      fc.constantFrom<OriginFault>(
        { status: 503 },
        { status: 500, body: "<html>" },
        { status: 404 },
        { close: true },
        { cutAfter: 0 },
        { cutAfter: 70_000 },
        { headers: { etag: '"another"' } },
        { body: "not what was asked for" },
      ),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  fc.record({
    trouble,
    kind: fc.constant("image" as const),
    layers: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 4 }),
    from: fc.constantFrom("layout" as const, "layout" as const, "registry" as const),
    to: fc.uniqueArray(fc.constantFrom("layout" as const, "registry" as const), { minLength: 1 }),
    faults: fc.constantFrom<Faults>(
      { unavailable: 1 },
      { unavailable: 50 },
      { tooMany: 2 },
      { cutBody: 1 },
      { wrongBlob: 1 },
      { loseUpload: 1 },
    ),
    quirk: fc.constantFrom<Quirk | undefined>(
      ...[undefined, "no-mount", "no-resume", "ignore-range", "fragile-sessions"] as const,
      ...["stale-range", "no-chunks", "no-digest-header"] as const,
    ),
  }),
  fc.record({
    trouble,
    kind: fc.constant("publish" as const),
    contents: fc.nat(2),
    version: fc.nat(9),
    compression: fc.constantFrom<NarCompression>("zstd", "zstd", "none"),
    to: fc.uniqueArray(fc.constantFrom("file" as const, "http" as const), { minLength: 1 }),
    catalog: fc.constantFrom("sqlite" as const, "http" as const),
    faults: fc.array(
      fc.constantFrom<"unavailable" | "forget" | "cut" | "close">(
        ...["unavailable", "forget", "cut", "close"] as const,
      ),
      { minLength: 1, maxLength: 4 },
    ),
  }),
);

async function prepare(step: Step, world: World): Promise<Work> {
  const { dir, origin, registry, store, catalog } = world;
  if (step.kind === "kexec") {
    origin.files.set("/b.tar.gz", { body: bundles[step.version]!, ranges: step.ranges });
    const url = origin.url("/b.tar.gz");
    return (context) =>
      cacheKexec({ url, retry }, { ...context, refresh: step.refresh ? "all" : "none" });
  }
  if (step.kind === "image") {
    const layers = step.layers.map((seed) => randomBytes(20_000 + seed * 1000, seed + 1));
    await writeImage(join(dir, "images"), "a", { layers });
    const layout = `oci:${join(dir, "images")}:a`;
    let from = layout;
    if (step.from === "registry") {
      from = `docker://${registry.host}/acme/source:${step.layers.join("-")}`;
      await syncImage({ from: layout, to: from }, { cache: new Cache(join(dir, "elsewhere")) });
    }
    if (step.quirk !== undefined) registry.quirks.add(step.quirk);
    // That a repository lent its blobs before is believed: one that does not is always another.
    const repository = step.quirk === "no-mount" ? "acme/apart" : "acme/vm";
    const to = step.to.map((place) =>
      place === "layout"
        ? `oci:${join(dir, "copy")}:a`
        : `docker://${registry.host}/${repository}:a`
    );
    return (context) => syncImages({ images: [{ from, to }] }, context);
  }
  const folder = join(dir, `package-${step.contents}`);
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeFile(join(folder, "data"), randomBytes(30_000, step.contents + 7));
  await Deno.writeTextFile(join(folder, "text"), "the same words again ".repeat(3000));
  return (context) =>
    publish({
      name: "acme",
      version: `${step.contents}.${step.version}.${step.compression}`,
      paths: [folder],
      stores: step.to.map((kind) => kind === "file" ? `file://${join(dir, "store")}` : store.url),
      catalog: step.catalog === "http" ? catalog.url : `sqlite://${join(dir, "catalog.db")}`,
      compression: step.compression,
      retry,
    }, context);
}

/** Makes the servers fail as the step says; gives what makes them well again. */
function breakServers(step: Step, { origin, registry, store, catalog }: World): Disposable {
  if (step.kind === "kexec") origin.files.get("/b.tar.gz")!.faults = [...step.faults];
  if (step.kind === "image") Object.assign(registry.faults, step.faults);
  if (step.kind === "publish") {
    const left = [...step.faults];
    const next = () => {
      const fault = left.pop();
      return fault === "unavailable" ? new Response("later", { status: 503 }) : fault;
    };
    store.fault = ({ method }) => method === "PUT" ? next() : undefined;
    catalog.fault = ({ method }) => {
      const fault = method === "PUT" ? next() : undefined;
      return fault === "cut" || fault === "close" || fault === "forget" ? "commit-and-cut" : fault;
    };
  }
  return {
    [Symbol.dispose]() {
      for (const file of origin.files.values()) delete file.faults;
      for (const name of Object.keys(registry.faults)) delete registry.faults[name as keyof Faults];
      store.fault = () => undefined;
      catalog.fault = () => undefined;
    },
  };
}

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

/** Waits until nothing more comes to a server: what a run that was stopped had sent may still be on its way, or at work. */
async function atRest(world: World): Promise<void> {
  const look = async () => JSON.stringify([requestsOf(world), [...await everything(world)]]);
  for (let before = "", now = await look(); now !== before;) {
    before = now;
    await delay(50);
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
