/** Copies between registries and layouts on loopback. @module */
import { randomBytes, writeImage } from "../../../tests/support/layout.ts";
import { LatencyProxy } from "../../../tests/support/latency_proxy.ts";
import { startRegistry } from "../../../tests/support/registry.ts";
import { run } from "../disk/run.ts";
import { type ImageBench, zipped } from "./image_bench.ts";

const sizes = [60, 50, 45, 40, 35, 25, 20, 9, 1];
const mebibyte = 1024 * 1024;

/** 285 MB in 9 blobs, as `oci:large:v1`. */
async function writeLarge(bench: ImageBench): Promise<string> {
  const layers = sizes.map((size, seed) => zipped(randomBytes(size * mebibyte, seed + 1)));
  await writeImage(bench.path("large"), "v1", { layers });
  return `oci:${bench.path("large")}:v1`;
}

/** A name that no round had before. */
function fresh(name: string): (way: string) => string {
  let count = 0;
  return (way) => `${name}-${way}-${count++}`;
}

/** From a registry to a layout. */
export async function pull(bench: ImageBench): Promise<void> {
  await using registry = await startRegistry();
  const start = `docker://${registry.host}/start:v1`;
  await bench.seed(await writeLarge(bench), start);
  await bench.compare("pull to a layout", start, (way) => `oci:${bench.path(way)}:v1`, 0.7);
}

/** From a layout to a registry. */
export async function push(bench: ImageBench): Promise<void> {
  await using registry = await startRegistry();
  const name = fresh("push");
  const to = (way: string) => `docker://${registry.host}/${name(way)}:v1`;
  await bench.compare("push", await writeLarge(bench), to, 0.7);
}

/** From a registry to another. */
export async function otherRegistry(bench: ImageBench): Promise<void> {
  await using one = await startRegistry();
  await using other = await startRegistry();
  const start = `docker://${one.host}/start:v1`;
  await bench.seed(await writeLarge(bench), start);
  const name = fresh("over");
  const to = (way: string) => `docker://${other.host}/${name(way)}:v1`;
  await bench.compare("to another registry", start, to, 0.6);
}

/** From a repository to another of the same registry. */
export async function mounted(bench: ImageBench): Promise<void> {
  await using registry = await startRegistry();
  const start = `docker://${registry.host}/start:v1`;
  await bench.seed(await writeLarge(bench), start);
  const name = fresh("beside");
  const to = (way: string) => `docker://${registry.host}/${name(way)}:v1`;
  await bench.compare("to another repository", start, to, 0.6);
}

/** A list of 100 small images. */
export async function many(bench: ImageBench): Promise<void> {
  await using registry = await startRegistry();
  await list(bench, registry.host, registry.host, 100, "100 small images by list", 0.3);
}

/** A list of 30 small images with 50 ms a request. */
export async function farMany(bench: ImageBench): Promise<void> {
  await using registry = await startRegistry();
  await using far = new LatencyProxy(registry.host, 50);
  const what = "30 small images by list, 50 ms a request";
  await list(bench, registry.host, far.host, 30, what, 0.5);
}

async function list(
  bench: ImageBench,
  seeded: string,
  host: string,
  count: number,
  what: string,
  goal: number,
): Promise<void> {
  const from = bench.path("small");
  const shared = zipped(randomBytes(100_000, 999));
  for (let tag = 0; tag < count; tag++) {
    await writeImage(from, `t${tag}`, {
      layers: [shared, zipped(randomBytes(5000, tag + 2000))],
    });
  }
  await bench.seed(`oci:${from}`, `docker://${seeded}/small`, "--tags", ".*");
  const there = `docker://${host}/small`;
  await bench.race(what, goal, {
    kedge: async () => {
      await bench.remove("many", "cache");
      return await bench.kedge(there, `oci:${bench.path("many")}`, "--tags", ".*");
    },
    other: async (round) =>
      await bench.skopeo("sync", there, bench.path(`sync-${round}`), [
        "--src=docker",
        "--dest=dir",
        "--src-tls-verify=false",
      ]),
  });
}

/** Nothing to do, against an empty `deno run`. */
export async function unchanged(bench: ImageBench): Promise<void> {
  await using one = await startRegistry();
  await using other = await startRegistry();
  const layers = sizes.map((size, seed) => zipped(randomBytes(size * 1000, seed + 1)));
  await writeImage(bench.path("large"), "v1", { layers });
  const layout = `oci:${bench.path("large")}:v1`;
  const start = `docker://${one.host}/start:v1`;
  const beyond = `docker://${other.host}/there:v1`;
  const copy = `oci:${bench.path("copy")}:v1`;
  const pulled = `oci:${bench.path("pulled")}:v1`;
  const empty = bench.path("empty.ts");
  await Deno.writeTextFile(empty, "");
  for (
    const [what, from, to] of [
      ["layout to layout", layout, copy],
      ["layout to registry", layout, start],
      ["registry to layout", start, pulled],
      ["registry to registry", start, beyond],
    ] as const
  ) {
    await bench.kedge(from, to);
    await bench.race(`unchanged, ${what}, against an empty deno run`, 5, {
      kedge: () => bench.kedge(from, to),
      other: async () => (await run(Deno.execPath(), ["run", "-A", empty])).seconds,
    });
  }
}
