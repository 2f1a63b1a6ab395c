/** A kill -9 at every line of the journal: no entry without proof, the same command ends well, and nothing that is proven is done twice. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { isTemporaryName } from "../../../lib/base/atomic_file.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { publish, type PublishOptions } from "../../../tasks/publish/publish.ts";
import { publishVerify } from "../../../tasks/publish/after.ts";
import { FaultyCache } from "../../support/binary_cache.ts";
import { CountingJournal } from "../../support/counting_journal.ts";
import { plainGround } from "../../support/plain_paths.ts";

const program = fromFileUrl(new URL("../../support/killed_publish.ts", import.meta.url));
const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));
const atOnce = 3;

/** Runs the publish that kills itself; gives what it printed, or `undefined` after the kill. */
async function killed(
  options: PublishOptions,
  cacheDir: string,
  when: string,
  line: number,
): Promise<string | undefined> {
  const { signal, success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "-A", "--config", config, program],
      ...[JSON.stringify(options), cacheDir, when, String(line)],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (signal === "SIGKILL") return undefined;
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Kills a publish at one line, looks at what is there, and lets the next one end. */
async function killAt(
  paths: readonly string[],
  parent: string,
  when: string,
  line: number,
): Promise<string | undefined> {
  await using cache = new FaultyCache();
  const dir = join(parent, `${when}-${line}`);
  await Deno.mkdir(dir);
  const cacheDir = join(dir, "cache");
  const catalog = join(dir, "catalog.db");
  const options: PublishOptions = {
    name: "killed",
    version: "1",
    paths,
    stores: [`file://${dir}/store`, cache.url],
    catalog: `sqlite://${catalog}`,
  };
  const printed = await killed(options, cacheDir, when, line);
  const standing = await standingIn(dir, cache);
  const committed = await entriesOf(catalog);
  if (committed > 0) await proveWhole(options.catalog as string, cacheDir);
  cache.requests.length = 0;

  const journal = new CountingJournal(join(dir, "second.db"));
  const second = await publish(options, { cache: new Cache(cacheDir), journal });
  const at = `killed ${when} line ${line}`;
  assertEquals(await entriesOf(catalog), 1, at);
  assertEquals(second.changed, committed === 0, at);
  await proveWhole(options.catalog as string, cacheDir);
  const again = cache.requests.filter(({ method }) => method === "PUT").map(({ key }) => key);
  assertEquals(again.filter((key) => standing.server.includes(key)), [], at);
  const states = (state: string) => journal.lines.filter((each) => each.state === state);
  const sentToFolder = states("sending").filter(({ detail }) => detail["store"] !== cache.url);
  assertEquals(sentToFolder.length, committed > 0 ? 0 : paths.length - standing.nars.length, at);
  const packed = states("packing").map(({ object }) => object.split("/").at(-1)!);
  assertEquals(packed.length <= paths.length - standing.spooled, true, at);
  return printed;
}

/** What the killed run left in the stores and in the spool. */
async function standingIn(dir: string, cache: FaultyCache) {
  return {
    server: [...cache.objects.keys()],
    nars: (await namesIn(join(dir, "store", "nar"))).filter((name) => name.endsWith(".nar.zst")),
    spooled: await pointers(join(dir, "cache", "nars-v1")),
  };
}

/** How many packed NARs the spool points to. */
async function pointers(folder: string): Promise<number> {
  let count = 0;
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    if (isTemporaryName(name)) continue;
    if ((await Deno.stat(path)).isDirectory) count += await pointers(path);
    else if ((await Deno.readTextFile(path)).includes(" zstd ")) count++;
  }
  return count;
}

async function entriesOf(path: string): Promise<number> {
  await using catalog = new SqliteCatalog({ path });
  return (await catalog.list()).length;
}

async function proveWhole(catalog: string, cacheDir: string): Promise<void> {
  const options = { entry: "killed@1", catalog, depth: "full" } as const;
  const { stores } = await publishVerify(options, { cache: new Cache(cacheDir) });
  assertEquals(stores.map(({ broken }) => broken), [0, 0]);
}

/** Lines that tell of work that was done; a kill right before one leaves that work done and unknown. */
const tellsOfWork = ["packed", "sent", "narinfo written", "proven", "committed"];

Deno.test("a kill -9 at every line of the journal", async () => {
  await using ground = await plainGround(2, 3000);
  const { paths } = ground.options;
  const states = JSON.parse((await killAt(paths, ground.dir, "after", 0))!) as string[];
  assert(tellsOfWork.every((state) => states.includes(state)), states.join(", "));
  const kills = states.flatMap((state, index) =>
    (tellsOfWork.includes(state) ? ["before", "after"] : ["after"])
      .map((when) => ({ when, line: index + 1 }))
  );
  const outcomes = await Promise.allSettled(Array.from({ length: atOnce }, async () => {
    for (let kill = kills.shift(); kill !== undefined; kill = kills.shift()) {
      const printed = await killAt(paths, ground.dir, kill.when, kill.line);
      assertEquals(printed, undefined, `${kill.when} line ${kill.line}: it was not killed`);
    }
  }));
  const failed = outcomes.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
});
