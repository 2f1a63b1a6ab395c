/** What is made of a podman that removed a container before it asked how that ended. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { ContainerEngine } from "../../../lib/container/container_engine.ts";
import { runContainer } from "../../../lib/container/run_container.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeProgram } from "../../support/program_file.ts";

/** What podman 4.3 says then. */
const lost = 'time="2026-11-28T16:18:18Z" level=error ' +
  'msg="Waiting for container ae54a26eb84f: container has already been removed"';

/** Runs a program in a container of a podman that ends with 127 and some words, and noted in its events what is printed here. */
async function run(words: string, noted: string): Promise<number> {
  let code = -1;
  await inFolder(async (folder) => {
    const program = join(folder, "podman");
    await writeProgram(
      program,
      `#!/bin/sh
case "$*" in
*--filter=event=died*) printf '${noted}' ;;
run*) echo '${words}' >&2; exit 127 ;;
esac
`,
    );
    const engine = new ContainerEngine({ kind: "podman", program });
    code = (await runContainer(engine, { image: "image", run: ["true"] })).code;
  });
  return code;
}

for (const code of [0, 5]) {
  Deno.test(`runContainer() finds the exit code ${code} in podman's events where podman itself lost it`, async () => {
    assertEquals(await run(lost, `${code}\n`), code);
  });
}

Deno.test("runContainer() says so where podman lost an exit code, and noted it nowhere", async () => {
  const { message } = await assertRejects(() => run(lost, ""), KedgeError);
  assertEquals(
    message.replace(/kedge-[^"]*/, "NAME"),
    'Cannot tell how the container "NAME" ended: podman had removed it before it asked',
  );
});

Deno.test("runContainer() takes 127 for the exit code of a program that says something else", async () => {
  assertEquals(await run("sh: nothing: not found", "0\n"), 127);
});
