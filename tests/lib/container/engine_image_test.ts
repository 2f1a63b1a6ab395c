/** What is made of an engine that does not say whether it holds an image. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { ContainerEngine } from "../../../lib/container/container_engine.ts";
import { findImage } from "../../../lib/container/engine_image.ts";
import { EngineStore } from "../../../lib/container/engine_store.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeProgram } from "../../support/program_file.ts";

const ignore = Deno.build.os === "windows";
const digest = sha256("config");
const { signal } = new AbortController();

/** Runs with a docker that a script stands for. */
async function withDocker(script: string, run: (engine: ContainerEngine) => Promise<void>) {
  await inFolder(async (dir) => {
    const program = join(dir, "docker");
    await writeProgram(program, `#!/bin/sh\n${script}\n`);
    await run(new ContainerEngine({ kind: "docker", program }));
  });
}

for (const [code, says] of [[127, "exec: docker-27: not found"], [126, "docker-27: not found"]]) {
  Deno.test({
    name: `no image is called missing by an engine that could not be run, and ended with ${code}`,
    ignore,
    fn: () =>
      withDocker(`echo '${says}' >&2; exit ${code}`, async (engine) => {
        const state = `docker ended with code ${code} (${says})`;
        await assertRejects(
          () => findImage(engine, [digest]),
          KedgeError,
          `Cannot look for the image "${digest}": ${state}`,
        );
        await assertRejects(
          () => new EngineStore(engine).find("acme:v1", signal),
          KedgeError,
          `Cannot look for the image "acme:v1": ${state}`,
        );
      }),
  });
}

Deno.test({
  name: "an image that the engine does not know is missing",
  ignore,
  fn: () =>
    withDocker("echo 'Error: No such image: it' >&2; exit 1", async (engine) => {
      assertEquals(await findImage(engine, [digest, sha256("manifest")]), undefined);
      assertEquals(await new EngineStore(engine).find("acme:v1", signal), undefined);
    }),
});
