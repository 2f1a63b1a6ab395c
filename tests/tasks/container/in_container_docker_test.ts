/** The command line of docker. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join, relative } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Redactor } from "../../../lib/base/redactor.ts";
import { Secret } from "../../../lib/base/secret.ts";
import { ContainerEngine } from "../../../lib/container/container_engine.ts";
import { ensureVolume, inspectVolume } from "../../../lib/container/engine_volume.ts";
import { inContainer, type InContainerOptions } from "../../../tasks/container/in_container.ts";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { DockerService } from "../../support/docker_service.ts";
import { realTest } from "../../support/real.ts";

realTest(
  "inContainer() speaks docker's command line",
  [...containerPrograms, "docker"],
  async (t) => {
    await using ground = await ContainerGround.make();
    const { world, folder, context } = ground;
    await using service = await DockerService.start(world);
    const { engine } = service;
    const base = await ground.base();
    const run = async (script: string, options: Partial<InContainerOptions> = {}) =>
      (await inContainer({ base, engine, run: ["sh", "-c", script], ...options }, context)).stdout;

    await t.step("the image is brought, variables and secrets reach the program", async () => {
      const env = { TOKEN: new Secret("s3cr3t-token", "env TOKEN", new Redactor()), PLAIN: "a b" };
      const script = 'echo "$PLAIN $TOKEN"; pwd; cat >/dev/null';
      const stdin = new Uint8Array(10);
      const stdout = await run(script, { env, stdin, workdir: "/proc" });
      assertEquals(stdout, "a b [redacted]\n/proc\n");
    });
    await t.step("folders and volumes are mounted, to be read alone too", async () => {
      const docker = new ContainerEngine(engine);
      const { name } = await ensureVolume(docker, "kept");
      await Deno.writeTextFile(join(folder, "given"), "here\n");
      const mounts = [
        { volume: name, to: "/kept" },
        { folder: relative(Deno.cwd(), folder), to: "/given", readonly: true },
      ];
      assertEquals(
        await run("cat /given/given; cat /given/given >/kept/file", { mounts }),
        "here\n",
      );
      const reading = [{ volume: name, to: "/kept", readonly: true }];
      const script = "cat /kept/file; echo >/kept/file || echo no";
      assertEquals(await run(script, { mounts: reading }), "here\nno\n");
      assertEquals(await inspectVolume(docker, "none"), undefined);
    });
    await t.step("what docker refuses is said in its words, not in its advice", async () => {
      const error = await assertRejects(
        () => run("true", { engine: { ...engine, runArgs: ["--memory=none"] } }),
        KedgeError,
      );
      assertStringIncludes(error.message, "docker ended with code 125 (");
      assertStringIncludes(error.message, 'invalid argument "none" for "-m, --memory" flag');
    });
    await t.step("an abort leaves no container", async () => {
      const controller = new AbortController();
      const waiting = { run: ["sh", "-c", "trap exit TERM; echo up; while :; do read x; done"] };
      const stdin = new ReadableStream<Uint8Array>();
      const onStdout = () => controller.abort(new Error("enough"));
      await assertRejects(
        () =>
          inContainer({ base, engine, ...waiting, stdin, onStdout }, {
            ...context,
            signal: controller.signal,
          }),
        Error,
        "enough",
      );
      assertEquals(await world.engine.must(["ps", "--all", "--quiet"], "list"), "");
    });
  },
);
