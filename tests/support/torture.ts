/**
 * Kills processes at random instants while they use one cache, and looks after each round whether the cache is still what it
 * must be: no wrong byte under a final name, no entry lost, nothing left that the next prune does not take.
 *
 * @module
 */
import { basename, fromFileUrl, join } from "@std/path";
import * as v from "valibot";
import { type Digest, sha256 } from "../../lib/base/digest.ts";
import { hashFile } from "../../lib/base/hash_file.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { listEntries } from "../../lib/cache/list_entries.ts";
import { pruneCache } from "../../lib/cache/prune.ts";
import { hashTree } from "../../lib/cache/read_tree.ts";
import { bundleBytes } from "./bundle.ts";
import { startOrigin } from "./origin.ts";

const driver = fromFileUrl(new URL("./torture_driver.ts", import.meta.url));
const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
/** In every fourth round the whole cache may be cleaned too; what was written up to then may be gone. */
const cleanEvery = 4;
const schema = v.looseObject({ text: v.string() });

/** Options of {@linkcode torture}. */
export interface TortureOptions {
  /** The folder of the cache. */
  dir: string;
  /** How many rounds; in each, all processes are killed. */
  rounds: number;
  /** How many processes at once. */
  processes: number;
  /** Whether the locks let everybody in. */
  lying: boolean;
  /** How long a process lives at most, in milliseconds. */
  roundMs: number;
  /** What the random choices begin with. */
  seed: number;
  /** Whether the disk is too small for all, so that entries may be missing. @default {false} */
  fullDisk?: boolean;
  /** Told after each round. */
  onRound?: (round: number, written: number) => void;
}

/** Runs the rounds; gives what was found to be wrong, which should be nothing. */
export async function torture(options: TortureOptions): Promise<string[]> {
  const { dir, rounds, processes, lying, roundMs } = options;
  const bodies = ["1", "2", "3"].map((version) => bundleBytes({ size: 3_000_000, version }));
  await using origin = startOrigin(Object.fromEntries(
    bodies.map((body, at) => [`/k${at}.tar.gz`, { body, bytesPerSecond: 30_000_000 }]),
  ));
  const good = new Set(bodies.map((body) => sha256(body)));
  const written = new Set<string>();
  const wrong: string[] = [];
  let seed = options.seed;
  for (let round = 0; round < rounds && wrong.length === 0; round++) {
    const cleaning = round % cleanEvery === cleanEvery - 1;
    if (cleaning) written.clear();
    const killed = Array.from({ length: processes }, async () => {
      const afterMs = 150 + Math.random() * roundMs;
      const args = ["run", "--no-check", "-A", "--config", config, driver];
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          ...args,
          dir,
          origin.url(""),
          String(seed++),
          lying ? "lying" : "honest",
          cleaning ? "cleaning" : "",
        ],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const stderr = new Response(child.stderr).text();
      // It lives from its first line on: what it loads until then touches no cache.
      let timer: ReturnType<typeof setTimeout> | undefined;
      let stdout = "";
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        timer ??= setTimeout(() => child.kill("SIGKILL"), afterMs);
        stdout += text;
      }
      const { signal } = await child.status;
      clearTimeout(timer);
      const lines = stdout.split("\n").slice(1, -1);
      if (!cleaning) { for (const line of lines) written.add(line); }
      if (signal !== "SIGKILL") {
        const when = `round ${round + 1}${cleaning ? ", cleaning" : ""}`;
        wrong.push(`${when}: a process ended: ${await stderr}`);
      }
    });
    await Promise.all(killed);
    wrong.push(...await inspect(dir, good, options.fullDisk ? new Set() : written));
    if (!lying) wrong.push(...await unwhole(dir));
    options.onRound?.(round, written.size);
  }
  wrong.push(...await leftovers(dir));
  return wrong;
}

/** What is wrong with a cache that nobody uses now. */
async function inspect(
  dir: string,
  good: ReadonlySet<Digest>,
  written: ReadonlySet<string>,
): Promise<string[]> {
  const cache = new Cache(dir);
  const wrong: string[] = [];
  for await (const blob of cache.blobs.list()) {
    const { digest } = await hashFile(blob.path);
    if (digest !== blob.digest) wrong.push(`the blob ${blob.digest} holds ${digest}`);
  }
  for await (const { digest, path } of cache.archives.list()) {
    const actual = await hashTree(path);
    if (actual !== digest) wrong.push(`the archive ${digest} holds ${actual}`);
  }
  const files = join(dir, buckets.files.folder);
  for (const name of await namesOf(files)) {
    for (const file of await namesOf(join(files, name))) {
      if (/\.tmp-/.test(file)) continue;
      const { digest } = await hashFile(join(files, name, file));
      if (!good.has(digest)) wrong.push(`the file ${file} holds ${digest}`);
    }
  }
  for (const key of written) {
    const record = await cache.entry(buckets.oci, key, schema).read();
    if (record === undefined) wrong.push(`the entry "${key}" is lost`);
    else if (!record.value.text.startsWith(`${key} `)) wrong.push(`"${key}" says something else`);
    else if (!await cache.blobs.has(record.refs[0]!)) wrong.push(`the blob of "${key}" is lost`);
  }
  return wrong;
}

/** The entries without their contents: with honest locks there are none, whatever is cleaned meanwhile. */
async function unwhole(dir: string): Promise<string[]> {
  const entries = await listEntries(new Cache(dir), (why) => {
    throw new Error(why);
  });
  return entries.filter(({ whole }) => !whole).map(({ key }) => `"${key}" is not whole`);
}

/** What the next prune leaves of the killed processes. */
async function leftovers(dir: string): Promise<string[]> {
  const cache = new Cache(dir);
  await pruneCache(cache, { policy: { partialMaxAgeMs: -1 } });
  const wrong: string[] = [];
  for (const bucket of [buckets.temporary, buckets.partials, buckets.leases]) {
    for (const name of await namesOf(join(dir, bucket.folder))) {
      wrong.push(`${bucket.folder}/${basename(name)} is left after a prune`);
    }
  }
  const { plan } = await pruneCache(cache);
  for (const item of plan.items) wrong.push(`a second prune finds ${item.kind} ${item.path}`);
  return wrong;
}

async function namesOf(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
