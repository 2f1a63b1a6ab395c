/** Files that take the name of the one that a pull writes, in the middle of it: nothing is written to them, and none gets the final name. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { closeLocked } from "../../../lib/base/file_lock.ts";
import { lookAt } from "../../../lib/base/files.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { noise } from "../../support/disk.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { putTart, tartImage } from "../../support/tart.ts";

const data = noise(2_000_000);
const other = noise(2_000_000, 2);

async function putChunked(world: DiskWorld, reference: string): Promise<void> {
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
}

async function putWhole(world: DiskWorld, to: string): Promise<void> {
  const from = await putTart(world.path("store"), "1", tartImage(data, 300_000));
  await syncImage({ from, to }, world.machine());
}

for (const [kind, put] of [["a disk", putChunked], ["a Tart image", putWhole]] as const) {
  for (const next of ["another file", "nothing"]) {
    Deno.test(`pullDisk() of ${kind} in place writes nothing more once ${next} has the name of its file`, async () => {
      await using world = await DiskWorld.make();
      await using registry = new FakeRegistry();
      await put(world, `docker://${registry.host}/acme/disk:1`);
      const out = await world.write("out", noise(2_000_000, 3));
      await world.write("other", other);
      let blobs = 0;
      await using proxy = new DiskProxy(registry.host, {
        before: ({ method, url }) => {
          // The first one is the index, or a layer.
          if (method !== "GET" || !url.includes("/blobs/") || ++blobs !== 2) return;
          if (next === "nothing") Deno.removeSync(out);
          else Deno.renameSync(world.path("other"), out);
        },
      });
      const options = { reference: `docker://${proxy.host}/acme/disk:1`, file: out, inPlace: true };
      const error = await assertRejects(() => pullDisk(options, world.machine()), KedgeError);
      const state = next === "nothing" ? "it is gone" : "another file has its name by now";
      assertEquals(error.message, `Cannot write "${out}": ${state}`);
      if (next === "nothing") assertEquals(lookAt(out), undefined);
      else assertEquals(sha256(await Deno.readFile(out)), sha256(other));
      await pullDisk(options, world.machine());
      await world.holds("out", data);
    });
  }

  Deno.test(`pullDisk() of ${kind} gives the name to no file that took that of its own once that was proved`, async () => {
    await using world = await DiskWorld.make();
    await using registry = new FakeRegistry();
    const reference = `docker://${registry.host}/acme/disk:1`;
    await put(world, reference);
    const options = { reference, file: world.path("out") };
    const { digest } = await pullDisk(options, { ...world.machine(), dryRun: true });
    const partial = world.path(`.out.${digest.slice(7)}.kedge-partial`);
    const report = (event: OperationEvent) => {
      if (event.type !== "phase-start" || event.phase !== "commit") return;
      Deno.renameSync(partial, world.path("elsewhere"));
      Deno.writeFileSync(partial, other);
    };
    await assertRejects(
      () => pullDisk(options, { ...world.machine(), report }),
      KedgeError,
      `Cannot write "${partial}": another file has its name by now`,
    );
    assertEquals(lookAt(options.file), undefined);
    await pullDisk(options, world.machine());
    await world.holds("out", data);
  });

  Deno.test(`pullDisk() of ${kind} looks last whether another pull writes to the file in place`, async () => {
    await using world = await DiskWorld.make();
    await using registry = new FakeRegistry();
    const reference = `docker://${registry.host}/acme/disk:1`;
    await put(world, reference);
    const file = await world.write("out", other);
    using held = new DisposableStack();
    const { chmod } = Deno;
    Deno.chmod = async (path, mode) => {
      await chmod(path, mode);
      if (!String(path).endsWith(".kedge-partial")) return;
      await Deno.writeTextFile(world.path(".out.kedge-journal"), "");
      const open = held.adopt(await Deno.open(file, { read: true, write: true }), closeLocked);
      assert(await open.tryLock(true));
    };
    try {
      await assertRejects(
        () => pullDisk({ reference, file }, world.machine()),
        KedgeError,
        `Cannot write "${file}": another pull writes to it`,
      );
    } finally {
      Deno.chmod = chmod;
    }
    assertEquals(sha256(await Deno.readFile(file)), sha256(other));
    held.dispose();
    await pullDisk({ reference, file }, world.machine());
    await world.holds("out", data);
  });
}
