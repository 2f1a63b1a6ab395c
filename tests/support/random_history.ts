/** Random histories of a cache, layouts, registries, stores and catalogs, with servers that fail. @module */
import { join } from "@std/path";
import fc from "fast-check";
import { Cache } from "../../lib/cache/cache.ts";
import type { NarCompression } from "../../lib/nix/nar/compression.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { syncImage } from "../../tasks/image/image.ts";
import { syncImages } from "../../tasks/image/list.ts";
import { cacheKexec } from "../../tasks/kexec/kexec.ts";
import { publish } from "../../tasks/publish/publish.ts";
import type { FaultyCache } from "./binary_cache.ts";
import { bundleBytes } from "./bundle.ts";
import type { CatalogServer } from "./catalog_server.ts";
import type { FakeRegistry, Faults, Quirk } from "./fake_registry.ts";
import { randomBytes, writeImage } from "./layout.ts";
import type { Origin, OriginFault } from "./origin.ts";

const bundles = ["1", "2"].map((version) => bundleBytes({ size: 200_000, version }));
const retry = { retries: 1, baseMs: 1, ceilingMs: 2 };

/** Where a history happens: a folder of this machine, and the servers. */
export interface World {
  dir: string;
  origin: Origin;
  registry: FakeRegistry;
  store: FaultyCache;
  catalog: CatalogServer;
}

/** A task that is ready to run. */
export type Work = (context: TaskContextOptions) => Promise<Figures>;

/** What goes wrong before a task is planned and run. */
type Trouble = "none" | "stop" | "faults";

/** One step of a history: what changes outside, what goes wrong, and then a task that is to follow. */
export type Step =
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
/** Any step of a history. */
export const steps: fc.Arbitrary<Step> = fc.oneof(
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

/** Changes what a step changes outside, and gives its task. */
export async function prepare(step: Step, world: World): Promise<Work> {
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
export function breakServers(step: Step, { origin, registry, store, catalog }: World): Disposable {
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
