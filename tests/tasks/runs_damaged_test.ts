/** A list of runs one of which is damaged. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { DatabaseSync } from "node:sqlite";
import { Journal } from "../../lib/journal/journal.ts";
import { inFolder } from "../support/in_folder.ts";
import { runKedge } from "../support/program.ts";

Deno.test("runs lists the others where the record of one is damaged, and names that", () =>
  inFolder(async (cacheDir) => {
    const path = join(cacheDir, "journal-v1.db");
    const ids: string[] = [];
    {
      using journal = new Journal({ path });
      for (const command of ["first", "second", "third"]) {
        ids.push(journal.beginRun(command));
        journal.endRun(ids.at(-1)!, 0);
      }
    }
    {
      using database = new DatabaseSync(path);
      database.prepare("UPDATE runs SET ended = 9007199254740991 WHERE id = ?").run(ids[1]!);
    }
    const { code, stdout, stderr } = await runKedge(["runs"], { cacheDir });
    assertEquals(stdout.trimEnd().split("\n").map((line) => line.split("  ")[0]), [ids[2], ids[0]]);
    assertMatch(stderr, new RegExp(`warning: Cannot list the run "${ids[1]}": the "ended" of a`));
    assertEquals(code, 0);
  }));
