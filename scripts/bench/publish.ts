/**
 * Publishing beside `nix copy`: a closure of about 280 MB in 108 paths to a folder and to nginx, three stores at once, many tiny paths far
 * away, many paths at all, a kill at half, and large NARs. `publish:ROW` measures one row alone.
 *
 * @module
 */
import { join } from "@std/path";
import { FaultyCache, startDavCache } from "../../tests/support/binary_cache.ts";
import { buildLargeClosure } from "../../tests/support/large_closure.ts";
import { type NixWorld, startNix } from "../../tests/support/nix.ts";
import { killAtHalf, largeNar } from "./publish/large.ts";
import { median } from "./median.ts";
import { bytesIn, fresh, kedge, pairs, row, type Run, timed } from "./publish/support.ts";

/** Times kedge and nix in turns, each on fresh ground; gives the medians. */
async function versus(
  world: NixWorld,
  name: string,
  top: string,
  stores: (dir: string) => { kedge: string[]; nix: string },
  { reset = async () => {}, count = pairs }: { reset?: () => Promise<void>; count?: number } = {},
): Promise<void> {
  const ours: Run[] = [];
  const theirs: Run[] = [];
  for (let pair = 0; pair < count; pair++) {
    for (const who of Math.random() < 0.5 ? ["kedge", "nix"] : ["nix", "kedge"]) {
      const dir = await fresh(world);
      await reset();
      const { kedge: to, nix } = stores(dir);
      const run = who === "kedge"
        ? await timed(world, kedge([top], to, dir))
        : await timed(world, ["nix", "copy", "--to", nix, top], { XDG_CACHE_HOME: `${dir}/xdg` });
      if (run.code !== 0) throw new Error(`${who} ended with ${run.code}: ${run.stderr}`);
      (who === "kedge" ? ours : theirs).push(run);
    }
  }
  const [a, b] = [ours, theirs].map((runs) => median(runs.map((run) => run.seconds)));
  const resident = Math.max(...ours.map((run) => run.residentBytes));
  row(
    name,
    `${a!.toFixed(2)} s`,
    `${b!.toFixed(2)} s`,
    (a! / b!).toFixed(3),
    `${(resident / 1e6).toFixed(0)} MB`,
  );
}

async function sizes(world: NixWorld, top: string): Promise<void> {
  const dir = await fresh(world);
  await timed(world, kedge([top], [`file://${dir}/a`], dir));
  await timed(world, ["nix", "copy", "--to", `file://${dir}/b?compression=zstd`, top], {
    XDG_CACHE_HOME: `${dir}/xdg`,
  });
  const [ours, theirs] = [await bytesIn(`${dir}/a`), await bytesIn(`${dir}/b`)];
  row(
    "size in a folder",
    `${(ours / 1e6).toFixed(1)} MB`,
    `${(theirs / 1e6).toFixed(1)} MB`,
    (ours / theirs).toFixed(3),
  );
}

async function threeStores(world: NixWorld, top: string): Promise<void> {
  const times: Record<number, number[]> = { 1: [], 3: [] };
  for (let pair = 0; pair < pairs; pair++) {
    for (const count of [1, 3]) {
      const dir = await fresh(world);
      const stores = Array.from({ length: count }, (_, i) => `file://${dir}/${i}`);
      times[count]!.push((await timed(world, kedge([top], stores, dir))).seconds);
    }
  }
  const [one, three] = [median(times[1]!), median(times[3]!)];
  row(
    "three folders beside one",
    `${three.toFixed(2)} s`,
    `${one.toFixed(2)} s`,
    (three / one).toFixed(2),
  );
}

async function tinyPaths(world: NixWorld): Promise<void> {
  const names = Array.from({ length: 302 }, (_, i) => ({ name: `tiny-${i}` }));
  const built = Object.values(await world.build(names));
  await using cache = new FaultyCache();
  cache.latencyMs = 50;
  const dir = await fresh(world);
  const first = await timed(world, kedge(built, [cache.url], dir));
  const came = cache.requests.length;
  const second = await timed(world, kedge(built, [cache.url], dir));
  row("302 tiny paths, 50 ms a request", `${first.seconds.toFixed(2)} s`, "", `${came} requests`);
  row(
    "the same, nothing missing",
    `${second.seconds.toFixed(2)} s`,
    "",
    `${cache.requests.length - came} requests`,
  );
}

/** Plans closures of many plain files: twice as many take about twice as long. */
async function planning(world: NixWorld): Promise<void> {
  const dir = await fresh(world);
  const source = join(dir, "source");
  await Deno.mkdir(source);
  const paths = Array.from({ length: 5000 }, (_, i) => join(source, `path-${i}`));
  for (const [i, path] of paths.entries()) await Deno.writeTextFile(path, `path ${i}\n`);
  const seconds: number[] = [];
  let resident = 0;
  for (const count of [1250, 2500, 5000]) {
    const command = [...kedge(paths.slice(0, count), [`file://${dir}/a`], dir), "--dry-run"];
    const runs: Run[] = [];
    for (let i = 0; i < pairs; i++) runs.push(await timed(world, command));
    seconds.push(median(runs.map((run) => run.seconds)));
    resident = Math.max(resident, ...runs.map((run) => run.residentBytes));
  }
  const cells = seconds.map((each) => `${each.toFixed(2)} s`);
  row("planning 1,250, 2,500 and 5,000 paths", ...cells, `${(resident / 1e6).toFixed(0)} MB`);
}

/** Prints the table, or the rows that are named. */
export async function bench(parts: readonly string[] = []): Promise<void> {
  await using world = await startNix();
  const { top } = await buildLargeClosure(world);
  row("", "kedge", "nix copy", "ratio", "resident");
  const folder = (compression: string) => (dir: string) => ({
    kedge: [`file://${dir}/a`],
    nix: `file://${dir}/b${compression}`,
  });
  const toNginx = async () => {
    await using dav = await startDavCache();
    const reset = async () => {
      await Deno.remove(dav.dir, { recursive: true });
      await Deno.mkdir(dav.dir);
      await Deno.chmod(dav.dir, 0o777);
    };
    const stores = () => ({ kedge: [dav.nginx.url], nix: `${dav.nginx.url}?compression=zstd` });
    await versus(world, "to nginx, zstd", top, stores, { reset });
  };
  const killed = async () => {
    const dir = await fresh(world);
    await timed(world, kedge([top], [`file://${dir}/a`], dir));
    const bytes = await bytesIn(`${dir}/a`);
    await killAtHalf(world, "to nginx, after a kill at half", top, bytes, "server");
  };
  const large = async (gigabytes: number, kill: boolean) => {
    const nar = await largeNar(world, gigabytes);
    const dir = await fresh(world);
    const whole = await timed(world, kedge([nar], [`file://${dir}/a`], dir));
    const name = `one NAR of ${gigabytes} GB to a folder`;
    const cells = [`${whole.seconds.toFixed(2)} s`, "", ""];
    row(name, ...cells, `${(whole.residentBytes / 1e6).toFixed(0)} MB`);
    if (!kill) return;
    const bytes = await bytesIn(`${dir}/a`);
    await killAtHalf(world, `${name}, after a kill at half`, nar, bytes, "folder");
  };
  const rows: Record<string, () => Promise<void>> = {
    folder: () => versus(world, "to a folder, zstd", top, folder("?compression=zstd")),
    nginx: toNginx,
    // One pair: nix takes three minutes for it.
    xz: () => versus(world, "to a folder, nix with its own xz", top, folder(""), { count: 1 }),
    size: () => sizes(world, top),
    three: () => threeStores(world, top),
    tiny: () => tinyPaths(world),
    planning: () => planning(world),
    killed,
    large2: () => large(2, true),
    large4: () => large(4, false),
  };
  for (const [name, run] of Object.entries(rows)) {
    if (parts.length === 0 || parts.includes(name)) await run();
  }
}

if (import.meta.main) await bench(Deno.args);
