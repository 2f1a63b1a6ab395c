// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * A kexec bundle of 350 MB from nginx on loopback: cold against curl with sha256sum and against aria2c, over connections that
 * the server limits, warm, resumed after a kill, and the memory of a large file. Medians of seven rounds (`KEDGE_BENCH_ROUNDS`);
 * `kexec:checked` measures one part alone.
 *
 * @module
 */
import { delay } from "@std/async";
import { fromFileUrl, join } from "@std/path";
import { makeBundle } from "../../tests/support/bundle.ts";
import { type Nginx, startNginx } from "../../tests/support/nginx.ts";
import { findProgram } from "../../tests/support/real.ts";
import { Hasher } from "../../lib/base/digest.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import { median } from "./median.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));
const bundleBytes = 350_000_000;
const sparseBytes = 4 * 2 ** 30;
const rounds = Number(Deno.env.get("KEDGE_BENCH_ROUNDS") ?? 7);

interface Measured {
  seconds: number;
  maxRssBytes: number;
  stdout: string;
}

interface Room {
  folder: string;
  digest: string;
  /** The bundle, as fast as it comes. */
  url: string;
  /** The server that gives each connection 40 MiB/s. */
  slow: Nginx;
}

const all: Record<string, (room: Room) => Promise<void>> = {
  pinned: ({ url, folder, digest }) => compare("loopback", url, folder, ["--sha256", digest]),
  checked: ({ url, folder }) => compare("loopback, contents checked", url, folder, []),
  slow: ({ slow, folder, digest }) =>
    compare("40 MiB/s a connection", `${slow.url}/b.tar.gz`, folder, ["--sha256", digest]),
  warm,
  resumed,
  memory,
};

/** Prints the figures of all parts, or of those that are named. */
export async function bench(parts: readonly string[] = []): Promise<void> {
  const chosen = parts.length > 0 ? parts : Object.keys(all);
  const unknown = chosen.filter((name) => !Object.hasOwn(all, name));
  if (unknown.length > 0) {
    throw new Error(`Cannot bench ${unknown.join(", ")}: it is ${Object.keys(all).join(", ")}`);
  }
  const folder = await Deno.makeTempDir({ prefix: "kedge-bench-" });
  try {
    const { digest } = await makeBundle(join(folder, "b.tar.gz"), { size: bundleBytes });
    await using nginx = await startNginx({ root: folder });
    await using slow = await startNginx({ root: folder, locationConfig: "limit_rate 40m;" });
    const room: Room = { folder, digest, url: `${nginx.url}/b.tar.gz`, slow };
    console.log(
      `| 350 MB from nginx, median of ${rounds} | s | of curl + sha256sum | of aria2c -x8 | MiB |`,
    );
    console.log("|---|---|---|---|---|");
    for (const name of chosen) await all[name]!(room);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs each program in turn, round for round. */
async function compare(
  what: string,
  url: string,
  folder: string,
  flags: readonly string[],
): Promise<void> {
  const file = join(folder, "o");
  const cache = join(folder, "cache");
  const programs: Record<string, () => Promise<Measured>> = {
    kedge: () => run(kedge(url, cache, ...flags)),
    curl: () => run(["sh", "-c", `curl -sf -o '${file}' '${url}' && sha256sum '${file}'`]),
  };
  if (findProgram("aria2c") !== undefined) {
    programs["aria2c"] = () => run(["aria2c", "-q", "-x8", "-s8", "-d", folder, "-o", "o", url]);
  }
  const times: Record<string, Measured[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of Object.entries(programs).sort(() => Math.random() - 0.5)) {
      await removeAll(file, cache);
      (times[name] ??= []).push(await measure());
    }
  }
  const seconds = (name: string) => median((times[name] ?? []).map((each) => each.seconds));
  const own = seconds("kedge");
  const rss = Math.max(...times["kedge"]!.map((each) => each.maxRssBytes)) / 2 ** 20;
  console.log(
    `| ${what} | ${own.toFixed(2)} | ${(own / seconds("curl")).toFixed(2)} | ${
      (own / seconds("aria2c")).toFixed(2)
    } | ${rss.toFixed(0)} |`,
  );
}

async function warm({ url, folder }: Room): Promise<void> {
  const cache = join(folder, "cache");
  const empty = join(folder, "empty.ts");
  await Deno.writeTextFile(empty, "");
  await run(kedge(url, cache));
  const hits: number[] = [];
  const refreshes: number[] = [];
  const nothing: number[] = [];
  for (let round = 0; round < rounds * 2; round++) {
    nothing.push((await run([Deno.execPath(), "run", empty])).seconds);
    hits.push((await run(kedge(url, cache))).seconds);
    refreshes.push((await run(kedge(url, cache, "--refresh"))).seconds);
  }
  const base = median(nothing);
  const row = (what: string, seconds: number) =>
    console.log(
      `${what}: ${(seconds * 1000).toFixed(0)} ms, ${(seconds / base).toFixed(1)} of an empty run`,
    );
  console.log();
  row("warm hit", median(hits));
  row("warm, one conditional request", median(refreshes));
}

/** Kills a download at half, and counts what the next one still brings. */
async function resumed({ slow, folder }: Room): Promise<void> {
  const url = `${slow.url}/b.tar.gz`;
  const shares: number[] = [];
  for (let round = 0; round < 5; round++) {
    const cache = join(folder, "cache");
    await removeAll(cache);
    const [program, ...args] = kedge(url, cache);
    const child = new Deno.Command(program!, { args, stdout: "null", stderr: "null" }).spawn();
    while (await storedShare(cache) < 0.5) await delay(5);
    child.kill("SIGKILL");
    await child.status;
    const { stdout } = await run(kedge(url, cache, "--json"));
    const last = JSON.parse(stdout.trim().split("\n").at(-1)!);
    shares.push(last.value.bytesMoved / bundleBytes);
  }
  console.log(`resume after a kill at half: ${(median(shares) * 100).toFixed(0)} % of the bytes`);
}

/** How much of the bundle lies on the disk, by the blocks of the partial file. */
async function storedShare(cache: string): Promise<number> {
  const partials = join(cache, buckets.partials.folder);
  try {
    for await (const { name } of Deno.readDir(partials)) {
      const { blocks } = await Deno.stat(join(partials, name, "data"));
      return (blocks ?? 0) * 512 / bundleBytes;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return 0;
}

/** What a file of 4 GiB takes of memory, eight connections of 40 MiB/s each. */
async function memory({ slow: { url }, folder }: Room): Promise<void> {
  const sparse = join(folder, "sparse");
  {
    using file = await Deno.open(sparse, { write: true, create: true });
    await file.truncate(sparseBytes);
  }
  const hasher = new Hasher();
  const zeros = new Uint8Array(2 ** 20);
  while (hasher.size < sparseBytes) hasher.update(zeros);
  // Not the disk is measured here: 4 GiB of it would take minutes on a slow one.
  const cache = await Deno.makeTempDir(await inMemory());
  const { maxRssBytes } = await run(kedge(`${url}/sparse`, cache, "--sha256", hasher.digest()));
  console.log(`resident with 4 GiB over 8 connections: ${(maxRssBytes / 1e6).toFixed(0)} MB`);
  await removeAll(cache, sparse);
}

async function inMemory(): Promise<Deno.MakeTempOptions> {
  const dir = "/dev/shm";
  const isThere = await Deno.stat(dir).then(() => true, () => false);
  return { prefix: "kedge-bench-", ...(isThere ? { dir } : {}) };
}

function kedge(url: string, cache: string, ...flags: string[]): string[] {
  const cli = `${root}tasks/builtin/cli.ts`;
  const program = [Deno.execPath(), "run", "-A", "--config", `${root}deno.json`, cli];
  return [...program, "kexec", "--url", url, "--cache-dir", cache, "--quiet", ...flags];
}

async function run([program, ...args]: string[]): Promise<Measured> {
  const started = performance.now();
  const { stdout, stderr, code } = await new Deno.Command("/usr/bin/time", {
    args: ["-f", "%M", program!, ...args],
    stdin: "null",
  }).output();
  const seconds = (performance.now() - started) / 1000;
  const text = new TextDecoder().decode(stderr);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${text}`);
  const maxRssBytes = Number(text.trim().split("\n").at(-1)) * 1024;
  return { seconds, maxRssBytes, stdout: new TextDecoder().decode(stdout) };
}

async function removeAll(...paths: string[]): Promise<void> {
  for (const path of paths) {
    try {
      await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
