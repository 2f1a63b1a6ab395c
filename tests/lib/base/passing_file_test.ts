import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { folderNames } from "../../../lib/base/files.ts";
import { PassingFile } from "../../../lib/base/passing_file.ts";
import { inFolder } from "../../support/in_folder.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

const module = new URL("../../../lib/base/passing_file.ts", import.meta.url).href;
const config = new URL("../../../deno.json", import.meta.url);

Deno.test("PassingFile is read by other programs, as often as they like, and is gone afterwards", () =>
  inFolder(async (folder) => {
    const secret = crypto.randomUUID();
    let path: string;
    {
      await using file = new PassingFile(join(folder, "key"), secret);
      path = file.path;
      const script = '[ -f "$0" ] && cat "$0" && cat <"$0" && stat -Lc " %a" "$0"';
      const { stdout } = await new Deno.Command("sh", { args: ["-c", script, path] }).output();
      assertEquals(new TextDecoder().decode(stdout), `${secret}${secret} 600\n`);
    }
    // The number of the open file may mean one of another test by now, which "head" reads no end of.
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", '[ -f "$0" ] && head -c 100 "$0"', path],
      stderr: "null",
    }).output();
    assertEquals(new TextDecoder().decode(stdout).includes(secret), false);
    assertEquals(await folderNames(folder), []);
  }));

Deno.test({
  name: "PassingFile leaves nothing when its process is killed",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(async (folder) => {
      const program = join(folder, "program.ts");
      await Deno.writeTextFile(
        program,
        `import { PassingFile } from ${JSON.stringify(module)};
const file = new PassingFile(${JSON.stringify(join(folder, "key"))}, "disk secret");
console.log(file.path);
setInterval(() => {}, 1000);`,
      );
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--config", config.pathname, program],
        stdout: "piped",
        stdin: "null",
      }).spawn();
      const reader = child.stdout.getReader();
      await reader.read();
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      assertEquals(await folderNames(folder), ["program.ts"]);
    }),
});

Deno.test("PassingFile keeps its name where this process may not see its open files", () =>
  inFolder(async (folder) => {
    const program = join(folder, "program.ts");
    const name = join(folder, "key");
    await Deno.writeTextFile(
      program,
      `import { PassingFile } from ${JSON.stringify(module)};
const file = new PassingFile(${JSON.stringify(name)}, "disk secret");
console.log(file.path, Deno.readTextFileSync(file.path));
await file[Symbol.asyncDispose]();`,
    );
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", `--allow-read=${folder}`, `--allow-write=${folder}`],
        ...["--config", config.pathname, program],
      ],
      stdin: "null",
    }).output();
    assertEquals(new TextDecoder().decode(stdout), `${name} disk secret\n`);
    assertEquals(await folderNames(folder), ["program.ts"]);
  }));

realTest(
  "PassingFile that has no room leaves no open file",
  ["root"],
  () =>
    inFolder(async (folder) => {
      await using disk = await mountSmallDisk(folder, 4096);
      const isOpen = (entry: Deno.DirEntry) => {
        try {
          return Deno.readLinkSync(`/proc/self/fd/${entry.name}`).startsWith(disk.dir);
        } catch {
          return false;
        }
      };
      assertThrows(() => new PassingFile(join(disk.dir, "key"), "s".repeat(5000)), Error, "ENOSPC");
      const open = await Array.fromAsync(Deno.readDir("/proc/self/fd"));
      assertEquals(open.filter(isOpen), []);
      assertEquals(await folderNames(disk.dir), []);
    }),
);
