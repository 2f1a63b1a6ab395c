/** A database in the place of the journal that is none: it is told, and left as it is. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DatabaseSync } from "node:sqlite";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Journal } from "../../../lib/journal/journal.ts";
import { inFolder } from "../../support/in_folder.ts";
import { runKedge } from "../../support/program.ts";
import { treeOf } from "../../support/tree.ts";

const runs =
  "CREATE TABLE runs (id TEXT PRIMARY KEY, command TEXT NOT NULL, started INTEGER NOT NULL";
const cases = [
  {
    what: "a database of another program",
    schema: "CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')",
    state: "it is a database of another program",
  },
  {
    what: "a database of another program with a log",
    schema:
      "PRAGMA journal_mode = WAL; CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')",
    state: "it is a database of another program",
  },
  {
    what: "a database whose table of runs is another one",
    schema: "CREATE TABLE runs (name TEXT, score INTEGER)",
    state: 'its table "runs" has other columns than that of a journal',
  },
  {
    what: "a journal with a table that lacks a column",
    schema: `${runs}, ended INTEGER, pid INTEGER NOT NULL) STRICT`,
    state: 'its table "runs" has other columns than that of a journal',
  },
  {
    what: "a journal with a table that has one more column",
    schema: `${runs}, ended INTEGER, exit_code INTEGER, pid INTEGER NOT NULL) STRICT;
      CREATE TABLE facts (scope TEXT, key TEXT, value TEXT, at INTEGER, host TEXT)`,
    state: 'its table "facts" has other columns than that of a journal',
  },
];

function withDatabase(schema: string, run: (path: string, folder: string) => void | Promise<void>) {
  return inFolder(async (folder) => {
    const path = join(folder, "journal-v1.db");
    {
      using database = new DatabaseSync(path);
      database.exec(schema);
    }
    await run(path, folder);
  });
}

for (const { what, schema, state } of cases) {
  Deno.test(`Journal refuses ${what}, and leaves it as it is`, () =>
    withDatabase(schema, async (path, folder) => {
      const before = await treeOf(folder);
      using journal = new Journal({ path });
      for (const use of [() => journal.beginRun("deploy"), () => journal.runs()]) {
        const error = assertThrows(use, KedgeError) as KedgeError;
        assertEquals(error.message, `Cannot use the journal "${path}": ${state}`);
        assertStringIncludes(error.hint ?? "", "move the file away, or name another cache folder");
      }
      assertEquals(await treeOf(folder), before);
    }));
}

Deno.test("Journal goes on with one whose making was killed after the first table", () =>
  withDatabase(
    `${runs}, ended INTEGER, exit_code INTEGER, pid INTEGER NOT NULL) STRICT`,
    (path) => {
      using journal = new Journal({ path });
      journal.endRun(journal.beginRun("deploy"), 0);
      journal.remember("host", "habit", { ranges: true });
      assertEquals(journal.runs().map(({ command }) => command), ["deploy"]);
      assertEquals(journal.recall("host", "habit"), { ranges: true });
    },
  ));

Deno.test("the program does its work beside a foreign database in the place of the journal, and tells it", () =>
  inFolder(async (folder) => {
    const cacheDir = join(folder, "cache");
    await runKedge(["publish:keygen", "acme-1", join(folder, "first")], { cacheDir });
    const [path] = (await Array.fromAsync(Deno.readDir(cacheDir)))
      .filter(({ name }) => name.endsWith(".db")).map(({ name }) => join(cacheDir, name));
    await Deno.remove(path!);
    {
      using database = new DatabaseSync(path!);
      database.exec(cases[0]!.schema);
    }
    const before = await Deno.readFile(path!);
    const state = `Cannot use the journal "${path}": it is a database of another program`;
    const { code, stderr } = await runKedge(["publish:keygen", "acme-1", join(folder, "key")], {
      cacheDir,
    });
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, state);
    const shown = await runKedge(["runs"], { cacheDir });
    assertEquals([shown.code, shown.stdout], [1, ""]);
    assertStringIncludes(shown.stderr, `error: ${state}`);
    assertStringIncludes(shown.stderr, "hint: move the file away");
    assertEquals(await Deno.readFile(path!), before);
  }));
