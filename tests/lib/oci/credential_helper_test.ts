/** Credential helpers that let wait, or cannot be started. */
import { assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { askHelper } from "../../../lib/oci/registry/ask_helper.ts";
import { environment } from "../../support/environment.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeProgram } from "../../support/program_file.ts";

/** Runs with a folder of its own in PATH. */
function withPath(run: (folder: string) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    using _environment = await environment({ PATH: `${folder}:${Deno.env.get("PATH")}` });
    await run(folder);
  });
}

Deno.test("askHelper() says which helper it waits for", () =>
  withPath(async (folder) => {
    const gate = join(folder, "gate");
    await new Deno.Command("mkfifo", { args: [gate] }).output();
    await writeProgram(
      join(folder, "docker-credential-slow"),
      `#!/bin/sh\ncat '${gate}'\n`,
    );
    const told: string[] = [];
    // It answers once it was told that it is waited for.
    const answer = await askHelper("slow", "a.example", {
      patienceMs: 1,
      onWait: (message) => {
        told.push(message);
        Deno.writeTextFileSync(gate, '{"Username":"me","Secret":"pass"}');
      },
    });
    assertEquals(answer, { username: "me", secret: "pass" });
    assertEquals(told, [
      'waiting for "docker-credential-slow", which was asked for the login of "a.example"',
    ]);
    await Deno.remove(gate);
    await writeProgram(
      join(folder, "docker-credential-slow"),
      `#!/bin/sh\necho '{"Username":"me","Secret":"pass"}'\n`,
    );
    const quick = await askHelper("slow", "a.example", {
      patienceMs: 2 ** 40,
      onWait: (message) => told.push(message),
    });
    assertEquals([quick, told.length], [answer, 1]);
  }));

Deno.test("askHelper() tells a helper that is not executable, or whose interpreter is missing, from one that is not there", () =>
  withPath(async (folder) => {
    const path = (name: string) => join(folder, `docker-credential-${name}`);
    await Deno.writeTextFile(path("plain"), "#!/bin/sh\n", { mode: 0o644 });
    await writeProgram(path("lost"), "#!/nowhere/sh\n");
    const asked = async (name: string) => {
      const error = await assertRejects(() => askHelper(name, "a.example"), KedgeError);
      const start = `Cannot ask "docker-credential-${name}" for "a.example": `;
      assertEquals(error.message.slice(0, start.length), start);
      return [error.message.slice(start.length), error.hint];
    };
    assertEquals(await asked("plain"), [
      `"${path("plain")}" is not executable`,
      `make it so: chmod +x ${path("plain")}`,
    ]);
    assertEquals(await asked("lost"), [
      `"${path("lost")}" cannot be started`,
      "it is there, but what its first line names, or what loads it, is not",
    ]);
    assertEquals(await asked("absent"), [
      "there is no such program",
      "install it, or take it out of credHelpers and credsStore",
    ]);
  }));

Deno.test("askHelper() does not call a helper absent where PATH, or a folder of it, may not be looked at", () =>
  inFolder(async (folder) => {
    const program = join(folder, "program.ts");
    const module = new URL("../../../lib/oci/registry/ask_helper.ts", import.meta.url);
    await Deno.writeTextFile(join(folder, "docker-credential-plain"), "", { mode: 0o644 });
    await Deno.writeTextFile(
      program,
      `import { askHelper } from ${JSON.stringify(module.href)};
await askHelper("plain", "a.example").catch(({ message, hint }) => console.log(message, hint));`,
    );
    const root = fromFileUrl(new URL("../../../", import.meta.url));
    const said = async (...permissions: string[]) => {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--no-prompt", "--allow-run", ...permissions],
          ...["--config", join(root, "deno.json"), program],
        ],
        env: { PATH: folder },
        stdin: "null",
      }).output();
      return new TextDecoder().decode(stdout).trim();
    };
    const asked = 'Cannot ask "docker-credential-plain" for "a.example": ';
    const unseen = `${asked}it cannot be started ` +
      "is it installed and executable? this process may not read PATH or its folders";
    assertEquals(await said("--allow-read"), unseen);
    assertEquals(await said("--allow-env", `--allow-read=${root}`), unseen);
    assertEquals(
      (await said("--allow-env", "--allow-read")).startsWith(`${asked}"${folder}/docker-`),
      true,
    );
  }));
