/** Who writes to the file of a pull meanwhile: no pull vouches for what another program may have changed. @module */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, verifyDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { canMountFresh } from "../../support/fresh_disk.ts";
import { twoDisks } from "../../support/two_disks.ts";

const data = noise(2_000_000);
const damaged = data.with(1_500_000, data[1_500_000]! ^ 1);

/** A context in which something happens once a phase begins. */
function interrupted(world: DiskWorld, phase: "plan" | "move" | "verify", what: () => void) {
  const report = (event: OperationEvent) => {
    if (event.type === "phase-start" && event.phase === phase) what();
  };
  return { ...world.machine(), report };
}

/** Writes a file that was left alone for long. */
async function rested(world: DiskWorld, name: string, bytes: Uint8Array): Promise<string> {
  const file = await world.write(name, bytes);
  await Deno.utime(file, 1000, 1000);
  return file;
}

function run(...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command("losetup", { args }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test({
  name: "a pull or a repair in place vouches for no file that somebody began to use meanwhile",
  ignore: !canMountFresh,
  fn: async () => {
    await using world = await DiskWorld.make();
    for (const reference of await twoDisks(world, data)) {
      const file = world.path("out");
      for (const repair of [false, true]) {
        await world.write("out", damaged);
        let device: string | undefined;
        const context = interrupted(world, "verify", () => device = run("-f", "--show", file));
        const error = await assertRejects(
          () =>
            repair
              ? verifyDisk({ reference, file, repair }, context)
              : pullDisk({ reference, file, inPlace: true }, context),
          KedgeError,
        ).finally(() => device !== undefined && run("-d", device));
        assertEquals(
          error.message,
          `Cannot finish "${file}": the loop device ${device} is on it, and may have written to it`,
        );
        assertMatch(error.hint ?? "", /^end what works with it, and run the same command again/);
        await pullDisk({ reference, file, inPlace: true }, world.machine());
        await world.holds("out", data);
      }
    }
  },
});

for (const where of ["in place", "in an unfinished file", "to a disk that stands"] as const) {
  Deno.test(`pullDisk() counts on nothing that it read ${where}, and another program changed since`, async () => {
    await using world = await DiskWorld.make();
    for (const reference of await twoDisks(world, data)) {
      const options = { reference, file: world.path("out"), inPlace: where === "in place" };
      const { digest } = await pullDisk(options, { ...world.machine(), dryRun: true });
      const partial = `.out.${digest.slice(7)}.kedge-partial`;
      const stands = where === "to a disk that stands";
      const file = where === "in an unfinished file"
        ? await rested(world, partial, damaged)
        : await rested(world, "out", stands ? data : damaged);
      if (stands) await world.write(partial, data); // Else nothing is done.
      const context = interrupted(world, "move", () => {
        Deno.writeFileSync(file, (stands ? data : damaged).with(100, data[100]! ^ 1));
      });
      const error = await assertRejects(() => pullDisk(options, context), KedgeError);
      assertEquals(error.message, `Cannot write "${file}": it was changed after it was read`);
      await pullDisk(options, world.machine());
      await world.holds("out", data);
      await Deno.remove(world.path("out"));
    }
  });
}

Deno.test("pullDisk() takes no file for the disk that is changed while it is read", async () => {
  await using world = await DiskWorld.make();
  for (const reference of await twoDisks(world, data)) {
    for (const inPlace of [false, true]) {
      const file = await rested(world, "out", data);
      const context = interrupted(world, "plan", () => Deno.utimeSync(file, 2000, 2000));
      await assertRejects(
        () => pullDisk({ reference, file, inPlace }, context),
        KedgeError,
        `Cannot take "${file}" for the disk: it was changed while it was read`,
      );
      assertEquals((await pullDisk({ reference, file, inPlace }, world.machine())).changed, false);
    }
  }
});
