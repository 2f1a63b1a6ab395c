/** What becomes of the container of a run that was killed. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import {
  ContainerEngine,
  type ContainerEngineOptions,
} from "../../../lib/container/container_engine.ts";
import { inContainer } from "../../../tasks/container/in_container.ts";
import type { RunnableBase } from "../../../tasks/container/base.ts";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { DockerService } from "../../support/docker_service.ts";
import { spawnKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

const waiting = ["sh", "-c", "trap exit TERM; echo up; while :; do sleep 0.1; done"];

/** Runs a program that waits in a container, by a process that is killed once it began. */
async function leaveContainer(
  { folder }: ContainerGround,
  base: RunnableBase,
  engine: ContainerEngineOptions,
): Promise<void> {
  const program = join(folder, "leave.ts");
  const options = JSON.stringify({ base, engine, run: waiting });
  await Deno.writeTextFile(
    program,
    `import { inContainer } from ${JSON.stringify(import.meta.resolve("../../../mod.ts"))};
const onStdout = (bytes: Uint8Array) => void Deno.stdout.writeSync(bytes);
await inContainer({ ...${options}, onStdout });
`,
  );
  const killed = spawnKedge([], { cacheDir: join(folder, "cache"), program });
  const reader = killed.stdout.getReader();
  await reader.read();
  killed.kill("SIGKILL");
  await killed.status;
  await reader.cancel();
  await killed.stderr.cancel();
}

for (const kind of ["podman", "docker"] as const) {
  realTest(
    `inContainer() ends with ${kind} the container that a killed run left, and none of one that lives`,
    [...containerPrograms, ...(kind === "docker" ? ["docker"] : [])],
    async () => {
      await using ground = await ContainerGround.make();
      await using docker = kind === "docker" ? await DockerService.start(ground.world) : undefined;
      const engine = docker?.engine ?? { kind, ...ground.world.options };
      const asked = new ContainerEngine({ program: kind, ...engine });
      const names = async () => {
        const listed = await asked.must(["ps", "--all", "--format={{.Names}}"], "list");
        return listed.split("\n").filter(Boolean);
      };
      const notes: string[] = [];
      const context = {
        ...ground.context,
        report: (event: { type: string; message?: string }) => {
          if (event.type === "note") notes.push(event.message!);
        },
      };
      const base = await ground.base();
      await leaveContainer(ground, base, engine);
      const [left = "", ...more] = await names();
      assertEquals(more, []);
      // Of another machine it cannot be known who lives there.
      const elsewhere = left.replace(/\.[^.-]*-/, ".elsewhere-");
      const image = base.configDigest;
      await asked.must(
        ["create", "--name", elsewhere, ...engine.runArgs ?? [], image, "true"],
        "create",
      );

      const controller = new AbortController();
      const begun = Promise.withResolvers<void>();
      const living = inContainer({ base, engine, run: waiting, onStdout: () => begun.resolve() }, {
        ...context,
        signal: controller.signal,
      });
      // Where something else fails, the end of this one is no failure of its own.
      living.catch(() => {});
      await begun.promise;
      assertEquals((await names()).includes(left), false);
      assertEquals(notes.filter((note) => note.includes(left)), [
        `ended the container "${left}", which a run that was killed had left`,
      ]);
      await inContainer({ base, engine, run: ["sh", "-c", "true"] }, context);
      const live = (await names()).filter((name) => name !== elsewhere);
      assertEquals(live.length, 1);
      assertMatch(live[0]!, new RegExp(`^kedge-${Deno.pid}\\.`));
      controller.abort(new Error("enough"));
      await living.catch(() => {});
      assertEquals(await names(), [elsewhere]);
    },
  );
}
