import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { checkNeeds, type TaskNeeds } from "../../../lib/runner/check_needs.ts";
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

Deno.test("checkNeeds() tells each of several unmet needs on a line of its own", () =>
  inFolder(async (folder) => {
    const refusal = async (...all: TaskNeeds[]) => {
      const check = checkNeeds(all, {
        env: (name) => name === "EMPTY" ? "" : undefined,
        cwd: folder,
        cacheDir: folder,
        offline: true,
        signal: new AbortController().signal,
      });
      const { message, hint } = await assertRejects(() => check, UsageError);
      return [message, hint];
    };
    const a: TaskNeeds = {
      task: "a",
      needs: [{ tool: "other", hint: "install it" }, { env: "EMPTY" }, { file: "key" }],
    };
    const lines = [
      'the program "other" is not installed',
      "the variable EMPTY is empty",
      '"key" is not there',
    ];
    const alone = ['Cannot run "a": 3 of its needs are not met', ...lines].join("\n  ");
    assertEquals(await refusal(a), [alone, "install it"]);
    const b: TaskNeeds = { task: "b", needs: [{ env: "EMPTY" }] };
    const both = [
      "Cannot run the tasks: 4 of their needs are not met",
      ...lines.map((line) => `"a": ${line}`),
      `"b": ${lines[1]}`,
    ].join("\n  ");
    assertEquals(await refusal(a, b), [both, "install it"]);
  }));
