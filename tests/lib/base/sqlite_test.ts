import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
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
