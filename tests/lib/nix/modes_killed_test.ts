/** What is for all to read is that from the moment at which it has its name, whenever the run that makes it is killed. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { inFolder } from "../../support/in_folder.ts";

const hasModes = Deno.build.os !== "windows";
const lib = new URL("../../../", import.meta.url).href;

/** Runs a script as a user whose files are for nobody else; says what it wrote, and by which signal it ended. */
async function masked(script: string): Promise<{ stdout: string; signal: Deno.Signal | null }> {
  const args = ["-c", 'umask 077 && exec "$@"', "sh", Deno.execPath(), "eval", script];
  const { stdout, signal } = await new Deno.Command("sh", { args }).output();
  return { stdout: new TextDecoder().decode(stdout), signal };
}

function modeOf(path: string): string {
  return (Deno.statSync(path).mode! & 0o777).toString(8);
}

Deno.test({
  name: "writeNote() gives a note its mode before its name",
  ignore: !hasModes,
  fn: () =>
    inFolder(async (dir) => {
      const { stdout } = await masked(`
        import { NixFolder } from "${lib}lib/nix/folder/nix_folder.ts";
        import { writeNote } from "${lib}lib/nix/folder/write_note.ts";
        const rename = Deno.rename;
        Deno.rename = async (from, to) => {
          console.log((Deno.statSync(from).mode & 0o777).toString(8));
          await rename(from, to);
        };
        await writeNote(new NixFolder(${JSON.stringify(dir)}), "var/kedge/note", "text");
      `);
      assertEquals(stdout, "644\n");
      const note = join(dir, "var/kedge/note");
      assertEquals([modeOf(note), await Deno.readTextFile(note)], ["644", "text"]);
    }),
});

Deno.test({
  name: "a folder for a store is for all to look into, though the run that makes it is killed",
  ignore: !hasModes,
  fn: () =>
    inFolder(async (dir) => {
      const folder = join(dir, "above", "n".repeat(255));
      const make = (before: string) =>
        masked(`
          import { resolveContext } from "${lib}lib/runner/context.ts";
          import { nixPlace } from "${lib}tasks/store/nix_place.ts";
          ${before}
          const place = await nixPlace({ folder: ${
          JSON.stringify(folder)
        } }, undefined, resolveContext());
          console.log((await place.make()).path);
        `);
      const killed = await make('Deno.chmodSync = () => Deno.kill(Deno.pid, "SIGKILL");');
      assertEquals(killed.signal, "SIGKILL");
      assertMatch((await make("")).stdout, /n{255}\n$/);
      assertEquals(modeOf(folder), "755");
      // What was there already is as its user wants it.
      await Deno.chmod(folder, 0o711);
      await make("");
      assertEquals(modeOf(folder), "711");
    }),
});
