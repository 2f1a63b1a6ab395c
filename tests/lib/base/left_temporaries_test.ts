import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { removeLeftTemporaries } from "../../../lib/base/left_temporaries.ts";
import { inFolder } from "../../support/in_folder.ts";

const module = new URL("../../../lib/base/left_temporaries.ts", import.meta.url).href;
const config = new URL("../../../deno.json", import.meta.url).pathname;

Deno.test("removeLeftTemporaries() judges by its age alone what belongs to a process that may not be asked about", () =>
  inFolder(async (folder) => {
    const work = join(folder, "work");
    await Deno.mkdir(work);
    const [old, young] = [1, 2].map((each) => join(work, `a.tmp-${Deno.ppid || 1}-0000000${each}`));
    for (const path of [old!, young!]) await Deno.writeTextFile(path, "12345");
    await Deno.utime(old!, 1, 1);
    const options = { oldestMs: 2000 };
    assertEquals(await removeLeftTemporaries([work], options), 0);
    const program = join(folder, "program.ts");
    await Deno.writeTextFile(
      program,
      `import { removeLeftTemporaries } from ${JSON.stringify(module)};
const [work, options] = ${JSON.stringify([work, options])};
console.log(await removeLeftTemporaries([work], options));`,
    );
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", `--allow-read=${folder}`, `--allow-write=${folder}`],
        ...["--config", config, program],
      ],
      stdin: "null",
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "5\n");
    assertEquals(await Array.fromAsync(Deno.readDir(work), ({ name }) => join(work, name)), [
      young,
    ]);
  }));
