/** Two pulls of one file at a time: what the second one says, whether it has the same cache or another. @module */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KedgeError, TimedOutError } from "../../../lib/base/errors.ts";
import { closeLocked } from "../../../lib/base/file_lock.ts";
import { lookAt } from "../../../lib/base/files.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";
import { putTart, tartImage } from "../../support/tart.ts";

const data = noise(2_000_000);

for (const inPlace of [false, true]) {
  realTest(
    `a pull ${inPlace ? "in place" : "beside"} says at once that another one writes to the file`,
    ["docker-registry"],
    async () => {
      await using world = await DiskWorld.make();
      await using registry = await startRegistry();
      const repository = `docker://${registry.host}/acme/disk`;
      const disk = await world.write("disk", data);
      await pushDisk({ file: disk, reference: `${repository}:1` }, world.machine());
      const tart = await putTart(world.path("store"), "tart", tartImage(data, 300_000));
      await syncImage({ from: tart, to: `${repository}:2` }, world.machine());
      await pushDisk({
        file: await world.write("next", noise(1_000_000, 2)),
        reference: `${repository}:3`,
      }, world.machine());
      for (const tag of ["1", "2"]) {
        const held = Promise.withResolvers<void>();
        const reached = Promise.withResolvers<void>();
        let packs = 0;
        const large = (path: string) => path.includes("/blobs/") && packs++ === 1;
        await using proxy = new DiskProxy(registry.host, {
          before: async ({ method, url }) => {
            if (method !== "GET" || !large(new URL(url).pathname)) return;
            reached.resolve();
            await held.promise;
          },
        });
        const file = world.path("out");
        if (inPlace) await world.write("out", data.toReversed());
        const pull = { reference: `docker://${proxy.host}/acme/disk:${tag}`, file, inPlace };
        const other = { ...pull, reference: `docker://${registry.host}/acme/disk:3` };
        const cache = new Cache(world.path(`shared${tag}`), { lockTimeoutMs: 300 });
        const one = pullDisk(pull, { ...world.machine(), cache });
        await Promise.race([reached.promise, one]);
        const refused = async (another: Promise<unknown>, kind: typeof KedgeError) => {
          const error = await assertRejects(() => another, kind);
          assertEquals(error.message, `Cannot write "${file}": another pull writes to it`);
          assertEquals(error.hint, "wait for it to end, and run the same command again");
        };
        try {
          await refused(pullDisk(pull, world.machine()), KedgeError);
          for (const inPlace of [false, true]) {
            await refused(pullDisk({ ...other, inPlace }, world.machine()), KedgeError);
          }
          const same = { ...world.machine(), cache: new Cache(cache.dir, { lockTimeoutMs: 300 }) };
          await refused(pullDisk(pull, same), TimedOutError);
          const waiting = `another pull writes to it; waiting to write "${file}"`;
          assert(world.notes.includes(waiting), world.notes.join("\n"));
        } finally {
          held.resolve();
          await one;
        }
        await world.holds("out", data);
        assertEquals((await pullDisk(pull, world.machine())).changed, false);
        await Deno.remove(file);
      }
    },
  );
}

/** Where two pulls of other versions would write. */
function partialsOf(world: DiskWorld): [string, string] {
  const partial = (digit: string) => world.path(`.out.${digit.repeat(64)}.kedge-partial`);
  return [partial("0"), partial("1")];
}

Deno.test("a pull takes nothing away from another one that began meanwhile", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
  const partials = partialsOf(world);
  using held = new DisposableStack();
  const report = (event: OperationEvent) => {
    if (event.type !== "phase-start" || event.phase !== "verify") return;
    for (const path of partials) Deno.writeFileSync(path, data);
    const file = held.adopt(Deno.openSync(partials[1]), closeLocked);
    assert(file.tryLockSync(true));
  };
  await pullDisk({ reference, file: world.path("out") }, { ...world.machine(), report });
  assertEquals(await Deno.readFile(world.path("out")), data);
  assertEquals(partials.map((path) => lookAt(path) !== undefined), [false, true]);
});

realTest(
  "a pull takes nothing away from another user's that began meanwhile",
  ["root", "bound"],
  async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
    const partials = partialsOf(world);
    using held = new DisposableStack();
    for (const path of partials) await Deno.writeFile(path, data, { mode: 0o000 });
    const pull = async () => {
      const args = ["disk:pull", reference, world.path("out")];
      return await runKedge(args, { cacheDir: world.path("cache"), bound: true });
    };
    const file = held.adopt(await Deno.open(partials[1]), closeLocked);
    assert(file.tryLockSync(true));
    const { code, stderr } = await pull();
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, `error: Cannot write "${world.path("out")}": another pull writes`);
    assertEquals(partials.map((path) => lookAt(path) !== undefined), [true, true]);
    await file.unlock();
    assertEquals((await pull()).code, 0);
    assertEquals(partials.map((path) => lookAt(path) !== undefined), [false, false]);
  },
);

realTest(
  "two pushes of one file at a time take no pack away from each other",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    const file = await world.write("disk", data);
    const machine = world.machine();
    const first = Promise.withResolvers<void>();
    const sending = Promise.withResolvers<void>();
    await using proxy = new DiskProxy(registry.host, {
      before: async ({ method }) => {
        if (method !== "POST") return;
        sending.resolve();
        await first.promise;
      },
    });
    const slow = pushDisk({ file, reference: `docker://${proxy.host}/acme/slow:1` }, machine);
    try {
      await sending.promise;
      // It finds the pack that the slow one made, and lets it go once it is done.
      await pushDisk({ file, reference: `docker://${registry.host}/acme/fast:1` }, machine);
    } finally {
      first.resolve();
    }
    await slow;
    assertEquals(proxy.count("POST", "/blobs/uploads/"), 3);
    const reference = `docker://${registry.host}/acme/slow:1`;
    await pullDisk({ reference, file: world.path("out") }, world.machine());
    await world.holds("out", data);
  },
);
