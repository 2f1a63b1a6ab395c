/** A task of a dry run that needs what an earlier one would have made fails with that as its hint. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { writeImage } from "../../support/layout.ts";
import { inFolder } from "../../support/in_folder.ts";
import { run } from "../../support/main_program.ts";

const program = fromFileUrl(new URL("./fixtures/chained_tasks.ts", import.meta.url));
const unmade = "hint: a dry run makes nothing, and what failed may need what ";

Deno.test("a dry run that fails after a step which would change something says so", () =>
  inFolder(async (folder) => {
    await writeImage(join(folder, "a"), "1", { layers: ["one"] });
    const dry = await run(["chain", "--dry-run"], { program, env: { FOLDER: folder } });
    assertEquals(dry.code, 1, dry.stderr);
    assertStringIncludes(dry.stderr, `: Cannot find "oci:${join(folder, "b")}:1"`);
    assertStringIncludes(dry.stderr, `\n${unmade}"image oci:${join(folder, "a")}:1`);
    const wet = await run(["chain"], { program, env: { FOLDER: folder } });
    assertEquals(wet.code, 0, wet.stderr);
    const again = await run(["chain", "--dry-run"], { program, env: { FOLDER: folder } });
    assertEquals(again.code, 0, again.stderr);
  }));

Deno.test("a dry run that fails with nothing left unmade before it says nothing of that", () =>
  inFolder(async (folder) => {
    const env = { FOLDER: folder };
    const dry = await run(["second", "--dry-run"], { program, env });
    assertEquals(dry.code, 1, dry.stderr);
    assertEquals(dry.stderr.includes("a dry run makes"), false, dry.stderr);
    const wet = await run(["second"], { program, env });
    assertEquals(wet.code, 1, wet.stderr);
    assertEquals(wet.stderr.includes("a dry run makes"), false, wet.stderr);
  }));
