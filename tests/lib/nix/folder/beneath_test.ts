import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { VerificationError } from "../../../../lib/base/errors.ts";
import { Beneath } from "../../../../lib/nix/folder/beneath.ts";
import { StoreTree } from "../../../../lib/nix/folder/store_tree.ts";
import { runKedge } from "../../../support/program.ts";
import { realTest } from "../../../support/real.ts";
import { removeTree } from "../../../support/remove_tree.ts";

/** A folder in which somebody else puts things meanwhile, and one elsewhere that must stay as it is. */
async function inFolders(run: (folder: string, elsewhere: string) => unknown): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "kedge-beneath-" });
  const [folder, elsewhere] = [join(dir, "folder"), join(dir, "elsewhere")];
  try {
    await Deno.mkdir(folder);
    await Deno.mkdir(elsewhere, { mode: 0o750 });
    await run(folder, elsewhere);
    const { mode, mtime } = await Deno.stat(elsewhere);
    assertEquals(mode! & 0o777, 0o750);
    assertEquals(mtime!.getTime() > 1000, true);
    assertEquals(await Array.fromAsync(Deno.readDir(elsewhere)), []);
  } finally {
    await removeTree(dir);
  }
}

/** Puts a link to a folder in the place of another one. */
function swap(folder: string, elsewhere: string): void {
  Deno.renameSync(folder, `${folder}-moved`);
  Deno.symlinkSync(elsewhere, folder);
}

Deno.test("StoreTree writes nothing through a link that takes the place of a folder", () =>
  inFolders((folder, elsewhere) => {
    const root = join(folder, "path");
    using tree = new StoreTree(root);
    tree.directory("");
    tree.directory("bin");
    tree.file("bin/a", false, 0);
    swap(join(root, "bin"), elsewhere);
    // What is open stays the folder that it was.
    tree.file("bin/b", false, 0);
    assertEquals([...Deno.readDirSync(join(root, "bin-moved"))].length, 2);
    tree.directory("lib");
    assertThrows(() => tree.file("bin/c", false, 0), VerificationError, "it is not a folder");
    assertThrows(() => tree.close(), VerificationError, `Cannot write below "${root}/bin"`);
  }));

Deno.test("Beneath makes and settles no folder behind a link", () =>
  inFolders((folder, elsewhere) => {
    using beneath = new Beneath(folder);
    beneath.makeFolder("a/b/c");
    assertEquals(Deno.lstatSync(join(folder, "a/b/c")).isDirectory, true);
    beneath.makeFolder("a/b/c");
    beneath.settleFolder("a/b/c", { mode: 0o555, seconds: 1 });
    const { mode, mtime } = Deno.lstatSync(join(folder, "a/b/c"));
    assertEquals([mode! & 0o777, mtime!.getTime()], [0o555, 1000]);
    Deno.symlinkSync(elsewhere, join(folder, "a/link"));
    for (
      const run of [
        () => beneath.makeFolder("a/link"),
        () => beneath.makeFolder("a/link/d"),
        () => beneath.settleFolder("a/link", { mode: 0o777, seconds: 1 }),
        () => beneath.use("a/link/file", (name) => Deno.writeTextFileSync(name, "")),
      ]
    ) {
      assertThrows(
        run,
        VerificationError,
        `Cannot write below "${folder}/a/link": it is not a folder`,
      );
    }
  }));

Deno.test("Beneath names in errors what lies where, and waits for what is done by a name", () =>
  inFolders(async (folder) => {
    using beneath = new Beneath(folder);
    const missing = Deno.errors.NotFound;
    assertThrows(() => beneath.use("x", Deno.lstatSync), missing, `'${folder}/x'`);
    await assertRejects(() => beneath.use("x", Deno.lstat), missing, `'${folder}/x'`);
    assertThrows(() => beneath.use("x/y", Deno.lstatSync), missing, `'${folder}/x'`);
    assertThrows(() => beneath.use("$&", Deno.lstatSync), missing, `'${folder}/$&'`);
  }));

realTest(
  "Beneath goes through folders that this user may pass and not list",
  ["bound"],
  () =>
    inFolders(async (folder, elsewhere) => {
      const script = `
        import { Beneath } from "${
        new URL("../../../../lib/nix/folder/beneath.ts", import.meta.url).href
      }";
        using beneath = new Beneath(${JSON.stringify(folder)});
        beneath.makeFolder("a/b/c");
        beneath.use("a/b/c/file", (name) => Deno.writeTextFileSync(name, "text"));
        beneath.settleFile("a/b/c/file", 0o600);
        beneath.settleFolder("a/b/c", { mode: 0o711 });
        try {
          beneath.use("a/link/file", (name) => Deno.writeTextFileSync(name, "text"));
        } catch (error) {
          console.log(error.message);
        }
      `;
      await Deno.mkdir(join(folder, "a/b"), { recursive: true });
      await Deno.symlink(elsewhere, join(folder, "a/link"));
      for (const each of ["a/b", "a", ""]) await Deno.chmod(join(folder, each), 0o311);
      const options = {
        cacheDir: elsewhere,
        program: join(folder, "..", "script.ts"),
        bound: true,
      };
      await Deno.writeTextFile(options.program, script);
      const { stdout, stderr } = await runKedge([], options);
      for (const each of ["", "a", "a/b"]) await Deno.chmod(join(folder, each), 0o755);
      assertEquals(
        { stdout, stderr },
        { stdout: `Cannot write below "${folder}/a/link": it is not a folder\n`, stderr: "" },
      );
      const { mode } = await Deno.stat(join(folder, "a/b/c/file"));
      assertEquals(mode! & 0o777, 0o600);
    }),
);
