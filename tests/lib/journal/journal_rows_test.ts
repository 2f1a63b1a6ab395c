/** Rows of a journal that somebody else changed. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { join } from "@std/path";
import { Journal } from "../../../lib/journal/journal.ts";
import { inFolder } from "../../support/in_folder.ts";
import { runKedge } from "../../support/program.ts";

const json = "is not an object in JSON";
const changes: readonly [string, string][] = [
  [`operations SET figures = '{"bytesMoved'`, `the "figures" of a row ${json}`],
  ["operations SET figures = '[]'", `the "figures" of a row ${json}`],
  ["operations SET error = 'null'", `the "error" of a row ${json}`],
  ["operations SET started = 9007199254740991", 'the "started" of a row is not a time'],
  ["steps SET detail = '5'", `the "detail" of a row ${json}`],
  ["steps SET at = -9007199254740991", 'the "at" of a row is not a time'],
  ["runs SET started = 9007199254740991", 'the "started" of a row is not a time'],
  ["runs SET ended = 9007199254740991", 'the "ended" of a row is not a time'],
];

for (const [change, state] of changes) {
  Deno.test(`runs:show tells of a journal that is damaged by ${change}`, () =>
    inFolder(async (cacheDir) => {
      const path = join(cacheDir, "journal-v1.db");
      let id: string;
      {
        using journal = new Journal({ path });
        id = journal.beginRun("deploy");
        const operation = journal.begin({ operation: "1", kind: "kexec", subject: "a bundle" });
        operation.step("plan", "", "done", { size: 1 });
        operation.end({ figures: { bytesMoved: 0, bytesReused: 0, why: "it was there" } });
        journal.endRun(id, 0);
      }
      {
        using database = new DatabaseSync(path);
        database.exec(`UPDATE ${change}`);
      }
      const { code, stdout, stderr } = await runKedge(["runs:show", id], { cacheDir });
      assertEquals([code, stdout], [1, ""]);
      assertStringIncludes(stderr, `error: Cannot use the journal "${path}": ${state}`);
      assertStringIncludes(stderr, "hint: move the file away if it is damaged");
    }));
}
