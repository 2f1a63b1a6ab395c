/** Pulls of one file by two programs that know nothing of each other: locks lie, and no wrong byte gets the final name. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { closeLocked } from "../../../lib/base/file_lock.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { putTart, tartImage } from "../../support/tart.ts";

const data = noise(2_000_000);
const damaged = data.map((byte, at) => at === 1_500_000 ? byte ^ 1 : byte);

async function putChunked(world: DiskWorld): Promise<string> {
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
  return reference;
}

async function putWhole(world: DiskWorld): Promise<string> {
  return await putTart(world.path("store"), "1", tartImage(data, 300_000));
}

/** A context in which something happens once a phase begins. */
function interrupted(world: DiskWorld, phase: "move" | "verify", what: () => void) {
  const report = (event: OperationEvent) => {
    if (event.type === "phase-start" && event.phase === phase) what();
  };
  return { ...world.machine(), report };
}

for (const [kind, put] of [["a disk", putChunked], ["a Tart image", putWhole]] as const) {
  const pulled = async () => {
    const world = await DiskWorld.make();
    const reference = await put(world);
    const options = { reference, file: world.path("out") };
    const { digest } = await pullDisk(options, { ...world.machine(), dryRun: true });
    return { world, options, partial: world.path(`.out.${digest.slice(7)}.kedge-partial`) };
  };
  const refused = (pull: Promise<unknown>, state: string) =>
    assertRejects(() => pull, KedgeError, state);

  for (const next of ["nothing", "an empty file"] as const) {
    Deno.test(`pullDisk() of ${kind} counts on nothing of an unfinished file whose name another pull took, for ${next}`, async () => {
      const { world, options, partial } = await pulled();
      await using _ = world;
      await Deno.writeFile(partial, damaged);
      const context = interrupted(world, "move", () => {
        Deno.renameSync(partial, world.path("elsewhere"));
        if (next === "an empty file") Deno.writeFileSync(partial, new Uint8Array(data.length));
      });
      await refused(pullDisk(options, context), `Cannot write "${partial}": `);
      assertEquals((await world.names()).includes("out"), false);
      await pullDisk(options, world.machine());
      await world.holds("out", data);
    });
  }

  Deno.test(`pullDisk() of ${kind} in place writes no other file than the one that it read`, async () => {
    const { world, options } = await pulled();
    await using _ = world;
    await world.write("out", damaged);
    const other = noise(data.length, 2);
    const context = interrupted(world, "move", () => {
      Deno.writeFileSync(world.path("other"), other);
      Deno.renameSync(world.path("other"), world.path("out"));
    });
    await refused(
      pullDisk({ ...options, inPlace: true }, context),
      `Cannot write "${world.path("out")}": another file `,
    );
    await world.holds("out", other);
    await pullDisk({ ...options, inPlace: true }, world.machine());
    await world.holds("out", data);
  });

  Deno.test(`pullDisk() of ${kind} gives no name to a file that it did not write`, async () => {
    const { world, options, partial } = await pulled();
    await using _ = world;
    const context = interrupted(world, "verify", () => {
      Deno.renameSync(partial, world.path("elsewhere"));
      Deno.writeFileSync(partial, new Uint8Array(data.length));
    });
    await refused(pullDisk(options, context), `Cannot write "${partial}": another file `);
    assertEquals((await world.names()).includes("out"), false);
    await pullDisk(options, world.machine());
    await world.holds("out", data);
  });

  Deno.test(`pullDisk() of ${kind} in place writes to no file that took the name as its journal was written`, async () => {
    const { world, options } = await pulled();
    await using _ = world;
    await world.write("out", damaged);
    const other = noise(data.length, 2);
    await world.write("other", other);
    const { rename } = Deno;
    Deno.rename = (from, to) =>
      rename(from, to).then(() => {
        const isJournal = String(to).endsWith(".kedge-journal");
        if (isJournal) Deno.renameSync(world.path("other"), world.path("out"));
      });
    try {
      await refused(
        pullDisk({ ...options, inPlace: true }, world.machine()),
        `Cannot write "${world.path("out")}": another file `,
      );
    } finally {
      Deno.rename = rename;
    }
    assertEquals(sha256(await Deno.readFile(world.path("out"))), sha256(other));
    await pullDisk({ ...options, inPlace: true }, world.machine());
    await world.holds("out", data);
  });

  Deno.test(`pullDisk() of ${kind} takes the name from no file that another pull began to write in place meanwhile`, async () => {
    const { world, options } = await pulled();
    await using _ = world;
    await world.write("out", damaged);
    using held = new DisposableStack();
    const report = (event: OperationEvent) => {
      if (event.type !== "phase-start" || event.phase !== "commit") return;
      Deno.writeTextFileSync(world.path(".out.kedge-journal"), "");
      const file = held.adopt(
        Deno.openSync(options.file, { read: true, write: true }),
        closeLocked,
      );
      assert(file.tryLockSync(true));
    };
    await refused(
      pullDisk(options, { ...world.machine(), report }),
      `Cannot write "${options.file}": another pull writes to it`,
    );
    assertEquals(sha256(await Deno.readFile(options.file)), sha256(damaged));
    held.dispose();
    await pullDisk(options, world.machine());
    await world.holds("out", data);
  });
}
