import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { inFolder } from "../../support/in_folder.ts";

Deno.test("syncTree() makes folders durable too, after what they name, where there is no sync of a whole system", async () => {
  await inFolder(async (dir) => {
    const tree = join(dir, "tree");
    await Deno.mkdir(join(tree, "below", "empty"), { recursive: true });
    await Deno.writeTextFile(join(tree, "below", "file"), "");
    await Deno.symlink("nowhere", join(tree, "link"));
    const program = join(dir, "program.ts");
    await Deno.writeTextFile(
      program,
      `
      import { syncTree } from "${new URL("../../../lib/base/sync_tree.ts", import.meta.url)}";
      const { open } = Deno;
      const { sync, syncData } = Deno.FsFile.prototype;
      const paths = new Map();
      Deno.open = async (path, options) => {
        const file = await open(path, options);
        paths.set(file, path);
        return file;
      };
      const synced = [];
      const noting = (original) => async function () {
        await original.call(this);
        synced.push(paths.get(this));
      };
      Deno.FsFile.prototype.sync = noting(sync);
      Deno.FsFile.prototype.syncData = noting(syncData);
      await syncTree(Deno.args[0]);
      console.log(JSON.stringify(synced));
      `,
    );
    // It may run no program.
    const granted = ["--no-prompt", "--no-check", "--allow-read", "--allow-write", "--allow-env"];
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--config", config, ...granted, program, tree],
      stderr: "inherit",
    }).output();
    const synced: string[] = JSON.parse(new TextDecoder().decode(stdout));
    const [empty, file, below] = ["below/empty", "below/file", "below"];
    assertEquals(synced.map((path) => path.slice(tree.length + 1)).toSorted(), [
      "",
      below,
      empty,
      file,
    ]);
    assertEquals(synced.slice(-2), [join(tree, below), tree]);
  });
});
