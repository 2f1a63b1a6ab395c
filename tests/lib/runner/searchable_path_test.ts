import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { searchablePath } from "../../../lib/runner/searchable_path.ts";
import { inFolder } from "../../support/in_folder.ts";
import { realTest } from "../../support/real.ts";

const shell = new URL("../../../lib/runner/shell.ts", import.meta.url).href;
const config = new URL("../../../deno.json", import.meta.url).pathname;

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
      const child = new Deno.Command("setpriv", {
        args: [
          ...["--bounding-set", "-dac_override,-dac_read_search", Deno.execPath()],
          ...["run", "-A", "--no-check", "--cached-only", `--config=${config}`, "-"],
        ],
        env: { PATH: path },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      await new Blob([script]).stream().pipeTo(child.stdin);
      const { stdout, stderr } = await child.output();
      assertEquals(
        [new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)],
        ["bound\none two\n", ""],
      );
    }),
);

Deno.test("searchablePath() gives nothing where each folder may be entered, or is not there", () =>
  inFolder((folder) => {
    assertEquals(searchablePath([folder, join(folder, "absent")].join(":")), {});
    assertEquals(searchablePath(""), {});
    return Promise.resolve();
  }));
