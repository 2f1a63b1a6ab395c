import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { inFolder } from "../../support/in_folder.ts";
import { realTest } from "../../support/real.ts";

const module = new URL("../../../lib/http/partial_file.ts", import.meta.url).href;
const config = new URL("../../../deno.json", import.meta.url).pathname;

realTest(
  "PartialFile goes on with data that their owner may only read: a kill fell right before they got their name",
  ["setpriv"],
  () =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(join(folder, "data"), "half....");
      await Deno.chmod(join(folder, "data"), 0o444);
      const script = `import { PartialFile } from ${JSON.stringify(module)};
await using file = await PartialFile.open(${
        JSON.stringify(folder)
      }, undefined, { done: [{ start: 0, end: 4 }] });
console.log(file.extents.bytes);`;
      const child = new Deno.Command("setpriv", {
        args: [
          ...["--bounding-set", "-dac_override,-dac_read_search", Deno.execPath()],
          ...["run", "-A", "--no-check", `--config=${config}`, "-"],
        ],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      await new Blob([script]).stream().pipeTo(child.stdin);
      const { code, stdout, stderr } = await child.output();
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      assertEquals(new TextDecoder().decode(stdout), "4\n");
      assertEquals(await Deno.readTextFile(join(folder, "data")), "half....");
    }),
);
