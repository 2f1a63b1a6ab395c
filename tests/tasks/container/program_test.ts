/** A program is what its name says, to podman and to docker. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { inContainer } from "../../../tasks/container/in_container.ts";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { DockerService } from "../../support/docker_service.ts";
import { writeProgram } from "../../support/program_file.ts";
import { realTest } from "../../support/real.ts";

for (const kind of ["podman", "docker"] as const) {
  realTest(
    `inContainer() runs with ${kind} no list in JSON, of which engines make different programs`,
    [...containerPrograms, ...(kind === "docker" ? ["docker"] : [])],
    async () => {
      await using ground = await ContainerGround.make();
      await using docker = kind === "docker" ? await DockerService.start(ground.world) : undefined;
      const engine = docker?.engine ?? { kind, ...ground.world.options };
      const tools = join(ground.folder, "tools");
      await Deno.mkdir(tools);
      const base = await ground.base();
      const run = async (name: string) => {
        const { stdout } = await inContainer({
          ...{ base, engine, run: [name, "argument"] },
          env: { PATH: "/tools:/bin" },
          mounts: [{ folder: tools, to: "/tools", readonly: true }],
        }, ground.context);
        return stdout;
      };
      for (const name of ['["sh"]', "null", " []"]) {
        await writeProgram(join(tools, name), '#!/bin/sh\necho "own $1"\n');
        const refused = await assertRejects(() => run(name), UsageError);
        assertEquals(
          refused.message,
          `Cannot run ${JSON.stringify(name)}: podman reads it as a list in JSON`,
        );
        assertEquals(await run(`/tools/${name}`), "own argument\n");
      }
      for (const name of ["[", "[sh]", "nullify"]) {
        await writeProgram(join(tools, name), '#!/bin/sh\necho "own $1"\n');
        assertEquals(await run(name), "own argument\n");
      }
    },
  );
}
