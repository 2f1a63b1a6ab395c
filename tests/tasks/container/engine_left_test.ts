/** What is made of the name that a run left in podman which was killed before it took that away, though the image has its own by then. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { findProgram } from "../../../lib/base/find_program.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { spawnKedge } from "../../support/program.ts";
import { writeProgram } from "../../support/program_file.ts";
import { realTest } from "../../support/real.ts";

const name = "localhost/nix:2.8.0";

/** Has a run bring an image to podman, and kills it before it takes the name away by which podman fetched it. */
async function leaveName({ folder, world }: ContainerGround, args: readonly string[]) {
  const fifo = join(folder, "fifo");
  assert((await new Deno.Command("mkfifo", { args: [fifo] }).output()).success);
  const bin = join(folder, "bin");
  await Deno.mkdir(bin);
  const before = world.args.map((arg) => `'${arg}'`).join(" ");
  const waiting = `case "$*" in *rmi*) echo $$ >'${fifo}'; exec sleep 300 ;; esac`;
  const podman = `exec ${await findProgram("podman")} ${before} "$@"`;
  await writeProgram(join(bin, "podman"), `#!/bin/sh\n${waiting}\n${podman}\n`);
  const killed = spawnKedge(args, {
    cacheDir: join(folder, "cache"),
    env: { PATH: `${bin}:${Deno.env.get("PATH")}` },
  });
  const pid = Number(await Deno.readTextFile(fifo));
  killed.kill("SIGKILL");
  await killed.output();
  Deno.kill(pid, "SIGKILL");
}

/** By how many repositories podman knows the image. */
async function repositories({ world }: ContainerGround): Promise<string[]> {
  const args = ["image", "inspect", "--format={{range .RepoDigests}}{{.}} {{end}}", name];
  const said = await world.engine.must(args, "ask");
  return [...new Set(said.trim().split(/\s+/).map((each) => each.replace(/@.*/, "")))].sort();
}

for (const task of ["base-image", "image:sync"] as const) {
  realTest(
    `${task} takes away the name that a killed run left beside that of the image`,
    [...containerPrograms, "mkfifo"],
    async () => {
      await using ground = await ContainerGround.make();
      const { repository, context, world } = ground;
      const to = `podman:${name}`;
      const from = `docker://${repository}:2.8.0`;
      await leaveName(
        ground,
        task === "image:sync"
          ? [task, from, to]
          : [task, "--nix-version=2.8.0", `--repository=${repository}`, `--to=${to}`],
      );
      assertEquals((await repositories(ground)).length, 2);
      const engines = { podman: { args: world.args } };
      const bring = async (dryRun: boolean) => {
        const now = { ...context, dryRun };
        const done = task === "image:sync"
          ? await syncImage({ from, to, engines }, now)
          : await ground.base({ to, engines }, now);
        assertEquals([done.changed, done.bytesMoved], [false, 0]);
      };
      await bring(true);
      assertEquals((await repositories(ground)).length, 2);
      await bring(false);
      assertEquals(await repositories(ground), ["localhost/nix"]);
    },
  );
}
