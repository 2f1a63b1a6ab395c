import { assert, assertEquals, assertThrows } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { DatabaseSync } from "node:sqlite";
import { folderNames } from "../../../lib/base/files.ts";
import { isSqliteFull, whileSqliteBusy } from "../../../lib/base/sqlite.ts";

const tooMuch = "INSERT INTO t VALUES (zeroblob(1000000))";

Deno.test("isSqliteFull() knows a full database, whatever kind of statement filled it", () => {
  using database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE t (a); PRAGMA max_page_count = 4;");
  assert(isSqliteFull(assertThrows(() => database.exec(tooMuch)), "."));
  assert(isSqliteFull(assertThrows(() => database.prepare(tooMuch).run()), "."));
  assert(!isSqliteFull(assertThrows(() => database.exec("SELEC")), "."));
});

Deno.test("whileSqliteBusy() tries again what is locked, and what failed to read or write a few times", () => {
  const failing = (message: string, times: number) => {
    let tries = 0;
    const run = () => {
      if (++tries <= times) throw new Error(message);
    };
    return { run, tries: () => tries };
  };
  for (const [message, times] of [["database is locked", 8], ["disk I/O error", 3]] as const) {
    const { run, tries } = failing(message, times);
    whileSqliteBusy(run);
    assertEquals(tries(), times + 1);
  }
  for (const [message, tried] of [["disk I/O error", 4], ["no such table: t", 1]] as const) {
    const { run, tries } = failing(message, 100);
    assertThrows(() => whileSqliteBusy(run), Error, message);
    assertEquals(tries(), tried);
  }
});

Deno.test("standingName() names what opens, whatever this process may do", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-sqlite-" });
  try {
    const path = join(folder, "a # b?.sqlite");
    {
      using database = new DatabaseSync(path);
      database.exec("PRAGMA journal_mode = wal; CREATE TABLE t (a); INSERT INTO t VALUES (7);");
    }
    const module = new URL("../../../lib/base/sqlite.ts", import.meta.url);
    const script = `
      import { DatabaseSync } from "node:sqlite";
      import { standingName } from ${JSON.stringify(module.href)};
      const name = standingName(Deno.args[0]);
      const { a } = new DatabaseSync(name, { readOnly: true }).prepare("SELECT a FROM t").get();
      console.log(name.startsWith("file:"), a);
    `;
    const file = join(folder, "read.ts");
    await Deno.writeTextFile(file, script);
    const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));
    const read = async (...flags: string[]) => {
      const args = ["run", "--no-check", "--config", config, ...flags, file, path];
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
      const decoder = new TextDecoder();
      return decoder.decode(stdout) || decoder.decode(stderr);
    };
    assertEquals(await read("-A"), "true 7\n");
    assertEquals(await folderNames(folder), ["a # b?.sqlite", "read.ts"]);
    for (const kind of ["read", "write", "net", "env", "sys", "run", "ffi", "import"]) {
      const some = kind === "read" || kind === "write" ? "/nowhere" : "nobody.example";
      assertEquals(
        await read("-A", `--deny-${kind}=${kind === "sys" ? "uid" : some}`),
        "false 7\n",
      );
    }
    assertEquals(await read("--allow-read", "--allow-write", "--allow-ffi"), "false 7\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("whileSqliteBusy() gives up in time though the clock is set back again and again", () => {
  const { now } = Date;
  let [clock, tries] = [now(), 0];
  Date.now = () => clock -= 1000;
  try {
    const busy = () => {
      throw Object.assign(new Error(++tries > 300 ? "for ever" : "database is locked"), {
        errcode: tries > 300 ? 1 : 5,
      });
    };
    assertThrows(() => whileSqliteBusy(busy, 20), Error, "database is locked");
  } finally {
    Date.now = now;
  }
});
