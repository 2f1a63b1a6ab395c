// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * Publishing beside `nix copy`: a closure of about 280 MB in 108 paths to a folder and to nginx, three stores at once, many tiny paths far
 * away, a kill at half, and one large NAR.
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import { FaultyCache, startDavCache } from "../../tests/support/binary_cache.ts";
import { buildLargeClosure } from "../../tests/support/large_closure.ts";
import { type NixWorld, startNix } from "../../tests/support/nix.ts";

const program = fromFileUrl(new URL("../../mod.ts", import.meta.url));
const pairs = Number(Deno.env.get("KEDGE_BENCH_PAIRS") ?? "5");
const lock = Deno.env.get("KEDGE_BENCH_LOCK");

interface Run {
  seconds: number;
  residentBytes: number;
  code: number;
  stderr: string;
}

/** Runs a command under `time`, and under a lock that keeps other measurements out where one is named. */
async function timed(
  world: NixWorld,
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<Run> {
  const report = join(world.dir, `time-${crypto.randomUUID()}`);
  const whole = [
    ...(lock === undefined ? [] : ["flock", lock]),
    ...["/usr/bin/time", "-f", "%e %M", "-o", report, ...command],
  ];
  const { code, stderr } = await new Deno.Command(whole[0]!, {
    args: whole.slice(1),
    env: { ...world.env, HOME: Deno.env.get("HOME") ?? "/", XDG_CACHE_HOME: "", ...env },
    stdout: "null",
    stderr: "piped",
  }).output();
  const [seconds = 0, kilobytes = 0] = (await Deno.readTextFile(report)).trim().split("\n").at(-1)!
    .split(" ").map(Number);
  await Deno.remove(report);
  return {
    seconds,
    residentBytes: kilobytes * 1024,
    code,
    stderr: new TextDecoder().decode(stderr),
  };
}

function kedge(
  paths: readonly string[],
  stores: readonly string[],
  dir: string,
  version = "1",
): string[] {
  return [
    ...[Deno.execPath(), "run", "-A", program, "publish", ...paths],
    ...stores.flatMap((store) => ["--to", store]),
    ...[
      "--catalog",
      `sqlite://${dir}/catalog.db`,
      "--name",
      "bench",
      "--version",
      version,
      "--quiet",
    ],
    ...["--cache-dir", `${dir}/cache`],
  ];
}

async function fresh(world: NixWorld): Promise<string> {
  const dir = join(world.dir, "bench");
  await Deno.remove(dir, { recursive: true }).catch(() => undefined);
  await Deno.mkdir(dir);
  await Deno.chmod(dir, 0o777);
  return dir;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function row(name: string, ...cells: string[]): void {
  console.log([name.padEnd(50), ...cells.map((cell) => cell.padStart(14))].join(" "));
}

async function bytesIn(dir: string): Promise<number> {
  let bytes = 0;
  for await (const entry of Deno.readDir(dir)) {
    const path = join(dir, entry.name);
    // A temporary file may be gone by now.
    const size = () => Deno.stat(path).then((info) => info.size, () => 0);
    bytes += entry.isDirectory ? await bytesIn(path) : await size();
  }
  return bytes;
}

/** Times kedge and nix in turns, each on fresh ground; gives the medians. */
async function versus(
  world: NixWorld,
  name: string,
  top: string,
  stores: (dir: string) => { kedge: string[]; nix: string },
  reset: () => Promise<void> = async () => {},
): Promise<void> {
  const ours: Run[] = [];
  const theirs: Run[] = [];
  for (let pair = 0; pair < pairs; pair++) {
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
    (a! / b!).toFixed(2),
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

/** Kills a publish to a server or a folder when half of the bytes are there, and measures what the next run sends. */
async function killAtHalf(
  world: NixWorld,
  name: string,
  top: string,
  wholeBytes: number,
  kind: "server" | "folder",
): Promise<void> {
  await using cache = await startDavCache();
  const dir = await fresh(world);
  const store = kind === "server" ? cache.nginx.url : `file://${cache.dir}`;
  const command = kedge([top], [store], dir);
  const child = new Deno.Command(command[0]!, {
    args: command.slice(1),
    env: { ...world.env, HOME: Deno.env.get("HOME") ?? "/", XDG_CACHE_HOME: "" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  while (await bytesIn(cache.dir) < wholeBytes / 2) {
    await new Promise((done) => setTimeout(done, 5));
  }
  child.kill("SIGKILL");
  await child.status;
  const before = await bytesIn(cache.dir);
  const second = await timed(world, kedge([top], [store], dir));
  if (second.code !== 0) {
    throw new Error(`the second run ended with ${second.code}: ${second.stderr}`);
  }
  const after = await bytesIn(cache.dir);
  row(
    name,
    `${second.seconds.toFixed(2)} s`,
    "",
    `${((after - before) / after * 100).toFixed(0)} % sent`,
    `${(second.residentBytes / 1e6).toFixed(0)} MB`,
  );
}

/** One path with one large file of mixed content. */
async function largeNar(world: NixWorld, gigabytes: number): Promise<string> {
  const source = join(world.dir, "large-file");
  {
    using file = await Deno.open(source, { write: true, create: true, truncate: true });
    const piece = new Uint8Array(1 << 20);
    for (let at = 0; at < piece.length / 2; at += 65_536) {
      crypto.getRandomValues(piece.subarray(at, at + 65_536));
    }
    for (let i = 0; i < gigabytes * 1024; i++) {
      new DataView(piece.buffer).setUint32(0, i);
      await file.write(piece);
    }
  }
  const path = (await world.run("nix", ["store", "add-path", source])).trim();
  await Deno.remove(source);
  return path;
}

/** Prints the table. */
export async function bench(): Promise<void> {
  await using world = await startNix();
  const { top } = await buildLargeClosure(world);
  row("", "kedge", "nix copy", "ratio", "resident");
  await versus(world, "to a folder, zstd", top, (dir) => ({
    kedge: [`file://${dir}/a`],
    nix: `file://${dir}/b?compression=zstd`,
  }));
  {
    await using dav = await startDavCache();
    const reset = async () => {
      await Deno.remove(dav.dir, { recursive: true });
      await Deno.mkdir(dav.dir);
      await Deno.chmod(dav.dir, 0o777);
    };
    const stores = () => ({ kedge: [dav.nginx.url], nix: `${dav.nginx.url}?compression=zstd` });
    await versus(world, "to nginx, zstd", top, stores, reset);
  }
  await sizes(world, top);
  await threeStores(world, top);
  await tinyPaths(world);
  const dir = await fresh(world);
  await timed(world, kedge([top], [`file://${dir}/a`], dir));
  await killAtHalf(
    world,
    "to nginx, after a kill at half",
    top,
    await bytesIn(`${dir}/a`),
    "server",
  );
  const large = await largeNar(world, 2);
  const alone = await fresh(world);
  const whole = await timed(world, kedge([large], [`file://${alone}/a`], alone));
  row(
    "one NAR of 2 GB to a folder",
    `${whole.seconds.toFixed(2)} s`,
    "",
    "",
    `${(whole.residentBytes / 1e6).toFixed(0)} MB`,
  );
  const largeBytes = await bytesIn(`${alone}/a`);
  await killAtHalf(
    world,
    "one NAR of 2 GB to a folder, after a kill at half",
    large,
    largeBytes,
    "folder",
  );
}

if (import.meta.main) await bench();
