import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, UsageError } from "../../../../lib/base/errors.ts";
import { resolveSources } from "../../../../lib/nix/program/resolve_sources.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { writeProgram } from "../../../support/program_file.ts";

Deno.test("resolveSources() gives Nix no name that it would take for an option", async () => {
  for (const name of ["--option#x", "-I#x", "--impure^out"]) {
    await assertRejects(() => resolveSources([name]), UsageError, "for an option");
  }
});

Deno.test("resolveSources() takes no answer of a Nix for a build that names no store paths", async () => {
  await inFolder(async (dir) => {
    const answer = join(dir, "answer");
    await writeProgram(join(dir, "nix"), `#!/bin/sh\nexec cat '${answer}'\n`);
    const env = { PATH: `${dir}:${Deno.env.get("PATH")}` };
    const good = `/nix/store/${"0".repeat(32)}-x`;
    const answers: unknown[] = [
      ...[null, {}, [], [null], [{}], [{ outputs: {} }], [{ outputs: null }]],
      ...[{ path: null }, null, "", "/tmp/x", { path: `${good}/bin` }].map((out) => [
        { outputs: { out } },
      ]),
      [{ outputs: { out: good, dev: { path: "relative" } } }],
      [{ outputs: { out: good } }, { outputs: { out: null } }],
    ];
    for (const each of answers) {
      await Deno.writeTextFile(answer, JSON.stringify(each));
      const { message } = await assertRejects(() => resolveSources([".#x"], { env }), KedgeError);
      assertEquals(message, 'Cannot build ".#x": nix named no outputs', JSON.stringify(each));
    }
  });
});
