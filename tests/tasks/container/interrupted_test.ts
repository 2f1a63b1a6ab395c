/** What becomes of the container of a run that is interrupted twice. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { toText } from "@std/streams";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { spawnKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

/** What a run says that is sent a signal when its container is up, and another once the first was heard there. */
async function interrupted(program: string, cacheDir: string): Promise<string> {
  const child = spawnKedge(["run"], { cacheDir, program });
  const stdout = toText(child.stdout);
  const decoder = new TextDecoder();
  let said = "";
  for await (const bytes of child.stderr) {
    const before = said;
    said += decoder.decode(bytes, { stream: true });
    for (const word of ["up\n", "told\n"]) {
      if (said.includes(word) && !before.includes(word)) child.kill("SIGINT");
    }
  }
  await stdout;
  assertEquals((await child.status).code, 130, said);
  return said;
}

realTest(
  "a second signal ends inContainer() at once, and removes the container of a program that ignores the first",
  containerPrograms,
  async () => {
    await using ground = await ContainerGround.make();
    const { folder, world } = ground;
    const base = await ground.base();
    const script = "trap 'echo told' TERM; echo up; while :; do sleep 0.1; done";
    const options = { base, engine: world.options, run: ["sh", "-c", script] };
    const program = join(folder, "task.ts");
    await Deno.writeTextFile(
      program,
      `import { inContainer, main, task } from ${
        JSON.stringify(import.meta.resolve("../../../mod.ts"))
      };
const run = (ctx) => inContainer(${JSON.stringify(options)}, ctx);
await main({ run: task({ name: "run", description: "Wait", run }) });
`,
    );
    let said = "";
    // On a busy machine the program may be ended before it hears the first signal: the grace is over.
    for (let tries = 0; tries < 5 && !said.includes("told"); tries++) {
      said = await interrupted(program, join(folder, "cache"));
    }
    assertStringIncludes(said, "told");
    // It is removed while the process ends.
    const signal = AbortSignal.timeout(60_000);
    while (await world.engine.must(["ps", "--all", "--quiet"], "list", { signal }) !== "") {
      await delay(50, { signal });
    }
  },
);
