import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { inFolder } from "../../support/in_folder.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

const module = new URL("../../../lib/http/partial_file.ts", import.meta.url).href;

realTest(
  "PartialFile goes on with data that their owner may only read: a kill fell right before they got their name",
  ["bound"],
  () =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(join(folder, "data"), "half....");
      await Deno.chmod(join(folder, "data"), 0o444);
      const script = `import { PartialFile } from ${JSON.stringify(module)};
await using file = await PartialFile.open(${
        JSON.stringify(folder)
      }, undefined, { done: [{ start: 0, end: 4 }] });
console.log(file.extents.bytes);`;
      const program = join(folder, "script.ts");
      await Deno.writeTextFile(program, script);
      const { code, stdout, stderr } = await runKedge([], {
        program,
        cacheDir: folder,
        bound: true,
      });
      assertEquals({ code, stdout, stderr }, { code: 0, stdout: "4\n", stderr: "" });
      assertEquals(await Deno.readTextFile(join(folder, "data")), "half....");
    }),
);
