/** What the built-in tasks of a carried store say to people and to scripts. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { formatBytes } from "../../../lib/base/bytes.ts";
import { carryPrograms, CarryRoom, ownVersion } from "../../support/carry_room.ts";
import { PodmanWorld } from "../../support/podman.ts";
import { type ProgramResult, runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

async function kedge(room: CarryRoom, ...args: string[]): Promise<ProgramResult> {
  const done = await runKedge(args, { cacheDir: join(room.folder, "cache") });
  assertEquals(done.code, 0, done.stderr);
  return done;
}

realTest(
  "base-image:prune says how many bytes it frees, before and after",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const older = ownVersion();
    await room.carry(await room.image(older));
    await room.carry(await room.image(`3${older}`));
    const prune = ["base-image:prune", "--keep=0", `--folder=${room.nix.path}`];
    const { stdout } = await kedge(room, ...prune, "--dry-run", "--json");
    const { value } = JSON.parse(stdout.trim().split("\n").at(-1)!);
    assertEquals(value.paths, 1);
    for (const more of [["--dry-run"], []]) {
      const { stdout, stderr } = await kedge(room, ...prune, ...more);
      assertStringIncludes(
        stderr,
        `nothing else needs 1 of their paths (${formatBytes(value.bytes)})\n`,
      );
      assertStringIncludes(stdout, `${older}@sha256:`);
    }
    const { stderr } = await kedge(room, ...prune);
    assertStringIncludes(stderr, "nothing else needs 0 of their paths\n");
  },
);

realTest(
  "a dry run of base-image:carry prints no folder of a volume that is not there",
  [...carryPrograms, "podman"],
  async () => {
    await using room = await CarryRoom.make();
    await using world = await PodmanWorld.make();
    await room.image("2.8.0");
    const engine = world.args.map((each) => `--engine-arg=${each}`);
    const image = ["--nix-version=2.8.0", `--repository=${room.repository}`];
    const carry = ["base-image:carry", ...image, "--volume=nix", "--engine=podman", ...engine];
    assertEquals((await kedge(room, ...carry, "--dry-run")).stdout, "");
    const { stdout } = await kedge(room, ...carry);
    assertEquals(stdout, `${join(world.folder, "root", "volumes", "nix", "_data")}\n`);
    assertEquals((await kedge(room, ...carry, "--dry-run")).stdout, stdout);
  },
);
