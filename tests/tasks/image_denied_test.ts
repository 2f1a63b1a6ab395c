/** What the image tasks say where this user may not read or write a layout. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { inFolder } from "../support/in_folder.ts";
import { writeImage } from "../support/layout.ts";
import { runKedge } from "../support/program.ts";

Deno.test({
  name: "the image tasks say which layout they may not read or write, and that this is not allowed",
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0,
  fn: () =>
    inFolder(async (folder) => {
      const store = `oci:${join(folder, "store")}`;
      const hidden = `oci:${join(folder, "hidden")}`;
      for (const name of ["store", "hidden"]) {
        await writeImage(join(folder, name), "1", { layers: ["one"] });
      }
      await Deno.mkdir(join(folder, "closed"), { mode: 0o555 });
      await Deno.chmod(join(folder, "hidden", "index.json"), 0o000);
      const into = `oci:${join(folder, "closed", "in")}`;
      const refused = async (args: string[], state: string) => {
        const run = await runKedge(args, { cacheDir: join(folder, "cache"), bound: true });
        assertEquals(run.code, 5, run.stderr);
        assertStringIncludes(run.stderr, `error: ${state}: Permission denied (os error 13): `);
        assertStringIncludes(run.stderr, "hint: run it as a user who may");
      };
      await refused(
        ["image:sync", `${store}:1`, `${into}:1`],
        `Cannot sync "${store}:1" to "${into}:1"`,
      );
      await refused(
        ["image:sync", `${hidden}:1`, `${store}:2`],
        `Cannot sync "${hidden}:1" to "${store}:2"`,
      );
      await refused(["image:sync", hidden, store, "--tags=.*"], `Cannot list "${hidden}"`);
      await refused(["image:ls", hidden], `Cannot list "${hidden}"`);
      await refused(["image:inspect", `${hidden}:1`], `Cannot read "${hidden}:1"`);
      await refused(["image:diff", `${store}:1`, `${hidden}:1`], `Cannot read "${hidden}:1"`);
      await refused(["image:gc", "--dry-run", hidden], `Cannot collect "${hidden}"`);
      await refused(["image:rm", "--dry-run", `${hidden}:1`], `Cannot remove "${hidden}:1"`);
    }),
});
