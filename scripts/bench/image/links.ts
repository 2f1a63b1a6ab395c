/** Copies over links that are slow, late, or die. @module */
import { delay } from "@std/async";
import { LatencyProxy } from "../../../tests/support/latency_proxy.ts";
import { randomBytes, writeImage } from "../../../tests/support/layout.ts";
import { startRegistry } from "../../../tests/support/registry.ts";
import { SlowProxy } from "../../../tests/support/slow_proxy.ts";
import { type ImageBench, zipped } from "./image_bench.ts";

const mebibyte = 1024 * 1024;

/** Ten layers, the last of them small, as `v1`; in `v2` that one is another. */
async function writeTen(bench: ImageBench): Promise<string> {
  const layer = (size: number, seed: number) => zipped(randomBytes(size * mebibyte, seed));
  const layers = Array.from({ length: 9 }, (_, seed) => layer(11, seed + 3000));
  const from = bench.path("ten");
  await writeImage(from, "v1", { layers: [...layers, layer(0.2, 3999)] });
  await writeImage(from, "v2", { layers: [...layers, layer(0.2, 4000)] });
  return `oci:${from}`;
}

/** One small layer of ten changed, over 50 MiB/s; the other way is the full pull. */
export async function changed(bench: ImageBench): Promise<void> {
  await using registry = await startRegistry();
  const from = await writeTen(bench);
  for (const tag of ["v1", "v2"]) {
    await bench.seed(`${from}:${tag}`, `docker://${registry.host}/ten:${tag}`);
  }
  await using link = new SlowProxy({ target: registry.url, bytesPerSecond: 50 * mebibyte });
  const there = `docker://${link.host}/ten`;
  const passed: Record<string, number> = {};
  const watched = async (what: string, run: () => Promise<number>) => {
    const before = link.passedBytes;
    const seconds = await run();
    passed[what] = link.passedBytes - before;
    return seconds;
  };
  await bench.race("one small layer changed, against the full pull", 0.1, {
    kedge: async () => {
      await bench.remove("full", "part", "cache");
      await bench.seed(`${from}:v1`, `oci:${bench.path("part")}:x`);
      return await watched("part", () => bench.kedge(`${there}:v2`, `oci:${bench.path("part")}:x`));
    },
    other: async () => {
      // What else lies on this machine would be taken from there.
      await bench.remove("full", "part", "cache");
      return await watched("full", () => bench.kedge(`${there}:v1`, `oci:${bench.path("full")}:x`));
    },
  });
  const { full = 0, part = 0 } = passed;
  if (full < 99 * mebibyte || part > mebibyte) {
    throw new Error(`the full pull moved ${full} bytes, the other ${part}: nothing was compared`);
  }
}

/** A pull with 50 ms a request. */
export async function farPull(bench: ImageBench): Promise<void> {
  await using registry = await startRegistry();
  await bench.seed(`${await writeTen(bench)}:v1`, `docker://${registry.host}/ten:v1`);
  await using far = new LatencyProxy(registry.host, 50);
  const to = (way: string) => `oci:${bench.path(way)}:v1`;
  await bench.compare("pull with 50 ms a request", `docker://${far.host}/ten:v1`, to, 0.5);
}

/** A push with 50 ms a request. */
export async function farPush(bench: ImageBench): Promise<void> {
  await using registry = await startRegistry();
  const from = `${await writeTen(bench)}:v1`;
  await using far = new LatencyProxy(registry.host, 50);
  let count = 0;
  const to = (way: string) => `docker://${far.host}/far-${way}-${count++}:v1`;
  await bench.compare("push with 50 ms a request", from, to, 0.5);
}

/** A pull of 1 GB that is killed at its half: the share of the bytes that the second run moves. */
export async function killed(bench: ImageBench): Promise<void> {
  await using registry = await startRegistry();
  const layers = Array.from({ length: 4 }, (_, seed) => randomBytes(250_000_000, seed + 5000));
  await writeImage(bench.path("gb"), "v1", { layers });
  const there = `docker://${registry.host}/gb:v1`;
  await bench.seed(`oci:${bench.path("gb")}:v1`, there);
  await using link = new SlowProxy({ target: registry.url, bytesPerSecond: 300 * mebibyte });
  const args = [`docker://${link.host}/gb:v1`, `oci:${bench.path("half")}:v1`];
  const child = new Deno.Command(Deno.execPath(), {
    args: bench.args(...args),
    env: bench.env(),
    stdout: "null",
    stderr: "null",
  }).spawn();
  while (link.passedBytes < 500_000_000) await delay(5);
  child.kill("SIGKILL");
  await child.status;
  const before = link.passedBytes;
  await bench.kedge(...args);
  const share = (link.passedBytes - before) / 1_000_000_000;
  const shown = `${(share * 100).toFixed(1)} %`;
  bench.row("bytes after kill -9 at half of 1 GB", shown, "100 % (skopeo)", share, 0.55);
}
