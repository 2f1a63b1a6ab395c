import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { checkNeeds } from "../../../lib/runner/check_needs.ts";
import { inFolder } from "../../support/in_folder.ts";

Deno.test("checkNeeds() tells a tool that is not executable from one that is not installed", () =>
  inFolder(async (folder) => {
    const file = join(folder, "tool");
    await Deno.writeTextFile(file, "#!/bin/sh\necho 'tool 1.2.3'\n", { mode: 0o644 });
    const check = (tool: string) =>
      checkNeeds([{ task: "a", needs: [{ tool, version: ">=1" }] }], {
        env: (name) => name === "PATH" ? folder : undefined,
        cwd: folder,
        cacheDir: folder,
        offline: true,
        signal: new AbortController().signal,
      });
    const refusal = async (tool: string) =>
      (await assertRejects(() => check(tool), UsageError)).message;
    const plain = `"${file}" is not executable`;
    assertEquals(await refusal("tool"), `Cannot run "a": ${plain}`);
    assertEquals(await refusal("./tool"), `Cannot run "a": ${plain}`);
    const absent = 'Cannot run "a": the program "other" is not installed';
    assertEquals(await refusal("other"), absent);
    await Deno.chmod(file, 0o755);
    await check("tool");
    await check("./tool");
  }));
