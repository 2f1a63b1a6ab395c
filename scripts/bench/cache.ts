// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * The cache with many entries: a lookup, a whole warm `kexec`, `cache:size`, and `cache:prune` of half of the entries, among
 * 1,000, 10,000 and 100,000 entries with a blob each.
 *
 * @module
 */
import { dirname, fromFileUrl, join } from "@std/path";
import { sha256 } from "../../lib/base/digest.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { DownloadEntry } from "../../lib/cache/download_entry.ts";
import { median } from "./median.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));
const counts = [1000, 10_000, 100_000] as const;
const lookups = 501;
const processRounds = 7;
const monthMs = 30 * 86_400_000;

/** Prints the table. */
export async function bench(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-bench-", ...await inMemory() });
  try {
    const dirs = counts.map((count) => join(folder, String(count)));
    for (const [at, dir] of dirs.entries()) await fill(dir, counts[at]!);
    const lookup = await interleaved(lookups, dirs, lookUp);
    const warm = await interleaved(processRounds, dirs, warmHit);
    const size = await interleaved(3, dirs, (dir) => timeMs(["cache:size"], dir));
    const prune = await interleaved(
      1,
      dirs,
      (dir) => timeMs(["cache:prune", "--max-age", "30d"], dir),
    );
    console.log("| entries, each with a blob | 1,000 | 10,000 | 100,000 | 100,000 to 1,000 |");
    console.log("|---|---|---|---|---|");
    row("open and one lookup, ms", lookup, 2);
    row("a whole warm `kexec`, ms", warm, 1);
    row("`cache:size`, ms", size, 0);
    row("`cache:prune` of half, ms", prune, 0);
    row("the same, ms of a thousand", prune.map((ms, at) => ms / (counts[at]! / 1000)), 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A file system in memory where there is one: what is measured is the work of the cache, not that of a disk. */
async function inMemory(): Promise<{ dir?: string }> {
  try {
    return (await Deno.stat("/dev/shm")).isDirectory ? { dir: "/dev/shm" } : {};
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/** Writes entries and blobs as the cache does, without its syncs; every second one was not used for two months. */
async function fill(dir: string, count: number): Promise<void> {
  const cache = new Cache(dir);
  await cache.ensure(dir);
  const now = new Date();
  const old = new Date(Date.now() - 2 * monthMs);
  const made = new Set<string>();
  const write = (path: string, text: string) => {
    const folder = dirname(path);
    if (!made.has(folder)) Deno.mkdirSync(folder, { recursive: true });
    made.add(folder);
    Deno.writeTextFileSync(path, text);
  };
  for (let n = 0; n < count; n++) {
    const text = `contents of ${n}`;
    const digest = sha256(text);
    const { key, name, entry } = entryOf(cache, n);
    const iso = now.toISOString();
    const value = { digest, size: text.length, name, fetched: iso, checkedMs: now.getTime() };
    const envelope = { key, created: iso, updated: iso, by: "kexec", refs: [digest], value };
    write(cache.blobs.path(digest), text);
    write(entry.path, JSON.stringify(envelope));
    if (n % 2 === 0) await Deno.utime(entry.path, old, old);
  }
}

function entryOf(cache: Cache, n: number): DownloadEntry {
  return new DownloadEntry(cache, buckets.kexec, urlOf(n));
}

function urlOf(n: number): string {
  return `https://origin.example/${n}.tar.gz`;
}

/** One of those that prune keeps, another one each round. */
function choose(round: number): number {
  return (round * 14 + 1) % counts[0];
}

async function lookUp(dir: string, round: number): Promise<number> {
  const started = performance.now();
  const { record } = await entryOf(new Cache(dir), choose(round)).look(undefined, {
    refresh: "none",
    names: [],
    pinned: false,
    offline: true,
  });
  const ms = performance.now() - started;
  if (record === undefined) throw new Error("a lookup failed");
  return ms;
}

async function warmHit(dir: string, round: number): Promise<number> {
  return await timeMs(["kexec", "--url", urlOf(choose(round)), "--offline"], dir);
}

async function timeMs(args: readonly string[], dir: string): Promise<number> {
  const started = performance.now();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", `${root}deno.json`, `${root}tasks/builtin/cli.ts`, ...args],
    env: { KEDGE_CACHE_DIR: dir, NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  const ms = performance.now() - started;
  if (!success) throw new Error(`${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return ms;
}

/** The median of each folder, the folders taken in turn. */
async function interleaved(
  rounds: number,
  dirs: readonly string[],
  measure: (dir: string, round: number) => Promise<number>,
): Promise<number[]> {
  const times = dirs.map(() => [] as number[]);
  for (let round = 0; round < rounds; round++) {
    for (const [at, dir] of dirs.entries()) times[at]!.push(await measure(dir, round));
  }
  return times.map(median);
}

function row(what: string, values: readonly number[], digits: number): void {
  const ratio = values.at(-1)! / values[0]!;
  const cells = values.map((value) => value.toFixed(digits));
  console.log(`| ${[what, ...cells, ratio.toFixed(2)].join(" | ")} |`);
}
