import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { type ProgramResult, runKedge, spawnKedge } from "../../support/program.ts";

/** A folder of some files to publish, and the command that does. */
async function ground(): Promise<
  AsyncDisposable & {
    dir: string;
    args: string[];
    run: (more?: readonly string[]) => Promise<ProgramResult>;
    spawn: () => Deno.ChildProcess;
  }
> {
  const dir = await Deno.makeTempDir();
  const paths: string[] = [];
  for (const name of ["a", "b", "c"]) {
    const path = join(dir, name);
    const bytes = new Uint8Array(6_000_000);
    for (let at = 0; at < bytes.length; at += 65_536) {
      crypto.getRandomValues(bytes.subarray(at, Math.min(bytes.length, at + 65_536)));
    }
    await Deno.writeFile(path, bytes);
    paths.push(path);
  }
  const args = [
    "publish",
    ...paths,
    "--to",
    `file://${dir}/store`,
    "--catalog",
    `sqlite://${dir}/catalog.db`,
    "--name",
    "big",
    "--version",
    "1",
  ];
  const options = { cacheDir: join(dir, "cache") };
  return {
    dir,
    args,
    run: (more = []) => runKedge([...args, ...more], options),
    spawn: () => spawnKedge([...args, "--json"], options),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    const names: string[] = [];
    for await (const entry of Deno.readDir(dir)) names.push(entry.name);
    return names;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

Deno.test("the program prints the entry's id, twice the same", async () => {
  await using it = await ground();
  const first = await it.run();
  assertEquals([first.code, first.stdout], [0, `big@1/${Deno.build.arch}-linux\n`]);
  const second = await it.run();
  assertEquals([second.code, second.stdout], [0, first.stdout]);
  assertStringIncludes(second.stderr, "has the narinfo and the NAR of all 3 paths");
});

Deno.test("the program ends with 2 on a bad name, and with 6 on a store that fails", async () => {
  await using it = await ground();
  const named = await runKedge(it.args.with(-1, "a/b"), { cacheDir: join(it.dir, "cache") });
  assertEquals(named.code, 2);
  assertStringIncludes(named.stderr, 'Cannot publish with the version "a/b"');
  await Deno.mkdir(join(it.dir, "store"));
  await Deno.writeTextFile(join(it.dir, "store", "nar"), "no folder");
  const failed = await it.run();
  assertEquals(failed.code, 6);
  assertStringIncludes(failed.stderr, `to "file://${it.dir}/store"`);
  assertEquals(await namesIn(join(it.dir, "catalog.db")), []);
});

Deno.test("a kill -9 at any moment leaves nothing half, and the next run ends well", async () => {
  await using it = await ground();
  for (const afterEvents of [2, 5, 7, 9, 12, 15]) {
    const child = it.spawn();
    let events = 0;
    let pending = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      pending += text;
      events += pending.split("\n").length - 1;
      pending = pending.slice(pending.lastIndexOf("\n") + 1);
      if (events >= afterEvents) break;
    }
    try {
      child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await child.stderr.cancel();
    await child.status;
    const names = await namesIn(join(it.dir, "store"));
    const hashParts = names.filter((name) => name.endsWith(".narinfo"));
    const nars = await namesIn(join(it.dir, "store", "nar"));
    const whole = nars.filter((name) => name.endsWith(".nar.zst"));
    assert(hashParts.length <= whole.length);
    for (const name of whole) {
      const { size } = await Deno.stat(join(it.dir, "store", "nar", name));
      assert(size > 6_000_000, `${name} has ${size} bytes`);
    }
    await using catalog = new SqliteCatalog({ path: join(it.dir, "catalog.db") });
    const entries = await catalog.list();
    if (entries.length > 0) assertEquals(hashParts.length, 3);
  }
  const last = await it.run(["--verify", "full"]);
  assertEquals(last.code, 0, last.stderr);
});
