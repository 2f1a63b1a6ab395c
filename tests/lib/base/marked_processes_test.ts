import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { MarkedProcesses } from "../../../lib/base/marked_processes.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeProgram } from "../../support/program_file.ts";

Deno.test({
  name: "MarkedProcesses.stop() overlooks none that is just becoming another program",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(async (folder) => {
      const program = join(folder, "again");
      await writeProgram(program, `#!/bin/sh\nexec '${program}'\n`);
      const outcomes = new Set<string | null>();
      for (let i = 0; i < 60; i++) {
        const marked = new MarkedProcesses();
        const child = new Deno.Command(program, { env: marked.env }).spawn();
        await marked.stop(60_000);
        // One that was overlooked goes on.
        try {
          child.kill("SIGKILL");
        } catch (error) {
          if (!(error instanceof TypeError)) throw error;
        }
        outcomes.add((await child.status).signal);
      }
      assertEquals([...outcomes], ["SIGTERM"]);
    }),
});
