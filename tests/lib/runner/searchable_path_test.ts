import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { searchablePath } from "../../../lib/runner/searchable_path.ts";
import { inFolder } from "../../support/in_folder.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

const shell = new URL("../../../lib/runner/shell.ts", import.meta.url).href;

/** What a script prints as a root that may not enter what is not its own. */
async function unable(script: string, folder: string, env = {}): Promise<string> {
  const program = join(folder, "script.ts");
  await Deno.writeTextFile(program, script);
  const ran = await runKedge([], { program, cacheDir: folder, env, bound: true });
  assertEquals(ran.stderr, "");
  return ran.stdout;
}

realTest(
  "$ finds a program behind a folder of PATH that this user may not enter",
  ["setpriv"],
  () =>
    inFolder(async (folder) => {
      await Deno.mkdir(join(folder, "closed"), { mode: 0o700 });
      await Deno.chown(join(folder, "closed"), 65534, 65534);
      const path = [join(folder, "closed"), join(folder, "absent"), "/usr/bin", "/bin"].join(":");
      const script = `import { bindShell, plainShell } from ${JSON.stringify(shell)};
import { Redactor } from ${JSON.stringify(new URL("../base/redactor.ts", shell).href)};
const { signal } = new AbortController();
const { $ } = bindShell({ signal, redactor: new Redactor(), dryRun: false, report() {} });
console.log(await $\`echo bound && sh -c "echo one"\`.text(), await plainShell(signal)\`sh -c "echo two"\`.text());
Deno.exit();`;
      assertEquals(await unable(script, folder, { PATH: path }), "bound\none two\n");
    }),
);

realTest(
  "searchablePath() keeps empty parts of PATH, which stand for the folder in which a program looks",
  ["setpriv"],
  () =>
    inFolder(async (folder) => {
      const closed = join(folder, "closed");
      await Deno.mkdir(closed, { mode: 0o700 });
      await Deno.chown(closed, 65534, 65534);
      const paths = [`:${closed}:/bin`, `/usr/bin::${closed}:/bin:`, `${closed}:.:/bin`];
      const script = `import { searchablePath } from ${
        JSON.stringify(new URL("searchable_path.ts", shell).href)
      };
console.log(JSON.stringify(${JSON.stringify(paths)}.map((path) => searchablePath(path).PATH)));`;
      assertEquals(JSON.parse(await unable(script, folder)), [
        ":/bin",
        "/usr/bin::/bin:",
        ".:/bin",
      ]);
    }),
);

Deno.test("searchablePath() gives nothing where each folder may be entered, or is not there", () =>
  inFolder((folder) => {
    assertEquals(searchablePath([folder, join(folder, "absent")].join(":")), {});
    assertEquals(searchablePath(""), {});
    return Promise.resolve();
  }));
