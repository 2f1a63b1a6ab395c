import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import { Journal } from "../../lib/journal/journal.ts";
import { listRuns, showRun } from "../../tasks/runs.ts";
import { inFolder } from "../support/in_folder.ts";
import { runKedge } from "../support/program.ts";

Deno.test("runs and runs:show tell in what order things began, though the clock was set back", () =>
  inFolder(async (folder) => {
    const hourMs = 3_600_000;
    let now = 10 * hourMs;
    const cache = new Cache(join(folder, "cache"));
    {
      using journal = new Journal({ path: join(cache.dir, "journal-v1.db"), now: () => now });
      const run = journal.beginRun("first");
      for (const kind of ["before", "after"]) {
        const record = journal.begin({ operation: kind, kind, subject: "a clock" });
        now -= hourMs;
        record.step("plan", "", "done");
        record.end({ figures: { bytesMoved: 0, bytesReused: 0, why: "it went back" } });
      }
      journal.endRun(run, 0);
      now = hourMs;
      journal.endRun(journal.beginRun("second"), 0);
    }
    const runs = await listRuns({}, { cache });
    assertEquals(runs.map(({ command }) => command), ["second", "first"]);
    assertEquals((await listRuns({ limit: 1 }, { cache })).map(({ command }) => command), [
      "second",
    ]);
    const { id } = runs[1]!;
    const { operations } = await showRun({ id }, { cache });
    assertEquals(operations.map(({ kind }) => kind), ["before", "after"]);
    const { stdout } = await runKedge(["runs:show", id], { cacheDir: cache.dir });
    assertMatch(stdout, /^1970-01-01T10:00:00\.000Z {2}\? +0 +first\n/);
    assertMatch(stdout, /^ {2}\+\? plan: done$/m);
  }));
