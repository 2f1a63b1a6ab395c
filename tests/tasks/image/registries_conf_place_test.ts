import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { withFolder } from "../../support/main_program.ts";
import { runKedge } from "../../support/program.ts";

Deno.test("--registries-conf names a file in the folder in which it was typed under deno task, the variable one in the working folder", async () => {
  await withFolder(async (dir) => {
    const sub = join(dir, "sub");
    await Deno.mkdir(sub);
    for (const path of [join(sub, "flag"), join(dir, "variable")]) {
      await Deno.writeTextFile(path, "[");
    }
    const conf = async (args: readonly string[], env: Record<string, string> = {}) => {
      const ls = ["image:ls", "docker://127.0.0.1:1/x", ...args];
      const options = { cacheDir: join(dir, "cache"), cwd: dir, env: { INIT_CWD: sub, ...env } };
      const { code, stderr } = await runKedge(ls, options);
      assertEquals(code, 2, stderr);
      return stderr;
    };
    const flag = await conf(["--registries-conf", "flag"]);
    assertStringIncludes(
      flag,
      `Cannot read the registries in "${sub}/flag" of --registries-conf: `,
    );
    const variable = await conf([], { CONTAINERS_REGISTRIES_CONF: "variable" });
    assertStringIncludes(variable, `Cannot read the registries in "variable": `);
  });
});

Deno.test("--registries-conf=/dev/null names no registries, whatever the variable says, and a path that is empty is refused", async () => {
  await withFolder(async (dir) => {
    const variable = join(dir, "variable");
    await Deno.writeTextFile(variable, "[");
    const ls = async (conf: string) => {
      const args = ["image:ls", "docker://127.0.0.1:1/x", `--registries-conf=${conf}`];
      const env = { CONTAINERS_REGISTRIES_CONF: variable };
      return await runKedge(args, { cacheDir: join(dir, "cache"), cwd: dir, env });
    };
    const none = await ls("/dev/null");
    assertEquals(none.code, 4, none.stderr);
    const empty = await ls("");
    assertEquals(empty.code, 2, empty.stderr);
    assertStringIncludes(empty.stderr, "--registries-conf");
  });
});
