/** What is foreseen where Deno would have to ask first. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { inFolder } from "../../support/in_folder.ts";
import { realTest } from "../../support/real.ts";
import { unmount } from "../../support/small_disk.ts";

const module = new URL("../../../lib/base/foresee_names.ts", import.meta.url).href;
const config = new URL("../../../deno.json", import.meta.url).pathname;

realTest(
  "foreseeNames() passes over a file system that makes no file without a name, where Deno does not let it ask which one it is",
  ["root", "mount"],
  () =>
    inFolder(async (folder) => {
      const dir = join(folder, "mounted");
      const program = join(folder, "program.ts");
      await Deno.mkdir(dir);
      await Deno.writeTextFile(
        program,
        `import { foreseeNames } from ${JSON.stringify(module)};
foreseeNames(${JSON.stringify(dir)});
console.log("nothing is refused");`,
      );
      const args = ["-t", "mqueue", "mqueue", dir];
      const mounted = await new Deno.Command("mount", { args }).output();
      assertEquals(mounted.code, 0, new TextDecoder().decode(mounted.stderr));
      await using _mounted = { [Symbol.asyncDispose]: () => unmount(dir) };
      const granted = ["--no-prompt", "--no-check", "--allow-read", "--allow-write"];
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--config", config, ...granted, program],
        stdin: "null",
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assertEquals(text(stdout), "nothing is refused\n", text(stderr));
    }),
);
