/** What goes wrong around a push or a pull of a disk: full caches, bases that go, files that are mounted, pulls that were cut off. @module */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { join, noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";
import { mountSmallDisk, unmount } from "../../support/small_disk.ts";
import { putTart, tartImage } from "../../support/tart.ts";
import { realTest } from "../../support/real.ts";

const data = noise(2_000_000);

async function pushed(world: DiskWorld): Promise<string> {
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
  return reference;
}

/** Does something once chunks are about to be moved. */
function beforeMove(world: DiskWorld, what: () => void) {
  const report = (event: OperationEvent) => {
    if (event.type === "phase-start" && event.phase === "move") what();
    if (event.type === "note") world.notes.push(event.message);
  };
  return { ...world.machine(), report };
}

realTest("a cache without room keeps nothing of a disk, and is no reason to push or pull none", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  const reference = await pushed(world);
  await using small = await mountSmallDisk(world.path("small"), 4_000_000);
  const cacheDir = `${small.dir}/cache`;
  const out = world.path("out");
  const run = async (...args: string[]) => {
    const { code, stderr } = await runKedge(args, { cacheDir });
    assertEquals(code, 0, stderr);
    return stderr;
  };
  await run("disk:pull", reference, out);
  await world.write("disk", data.toReversed());
  await pushDisk({ file: world.path("disk"), reference }, world.machine());
  await Deno.writeFile(`${small.dir}/fill`, new Uint8Array(4_000_000)).catch(() => undefined);
  const warning = `warning: the cache in "${cacheDir}" has no room: the next run will know less`;
  assertStringIncludes(await run("disk:pull", reference, out), warning);
  await world.holds("out", data.toReversed());
  const other = `oci:${world.path("store")}:2`;
  assertStringIncludes(await run("disk:push", out, other, "--base", reference), warning);
});

Deno.test("pullDisk() refuses a base that is none, also where nothing is missing", async () => {
  await using world = await DiskWorld.make();
  const reference = await pushed(world);
  await Deno.mkdir(world.path("folder"));
  for (const base of [world.path("none"), world.path("folder")]) {
    await assertRejects(
      () => pullDisk({ reference, file: world.path("disk"), bases: [base] }, world.machine()),
      UsageError,
      `Cannot use the base "${base}": it is not a file`,
    );
  }
});

for (const state of ["gone", "a pipe"] as const) {
  Deno.test({
    name: `pullDisk() fetches what it was to take from a base that is ${state} by then`,
    ignore: state === "a pipe" && Deno.build.os === "windows",
    fn: async () => {
      await using world = await DiskWorld.make();
      const reference = await pushed(world);
      await putTart(world.path("store"), "tart", tartImage(data, 300_000));
      for (const [tag, name] of [["1", "out"], ["tart", "tart"]] as const) {
        const base = await world.write("base", data);
        const context = beforeMove(world, () => {
          Deno.removeSync(base);
          if (state === "a pipe") new Deno.Command("mkfifo", { args: [base] }).outputSync();
        });
        const from = reference.replace(/1$/, tag);
        await pullDisk({ reference: from, file: world.path(name), bases: [base] }, context);
        await world.holds(name, data);
        assert(world.notes.some((note) => note.includes("changed meanwhile")), name);
        world.notes.length = 0;
        await Deno.remove(base).catch(() => undefined);
      }
    },
  });
}

realTest("disk:pull says what to do with a mounted file of which it could not know that before", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  const reference = await pushed(world);
  const out = await world.write("out", data.subarray(0, 1000));
  assertEquals(
    (await new Deno.Command("mount", { args: ["--bind", out, out] }).output()).code,
    0,
  );
  try {
    const cacheDir = world.path("cache");
    const { code, stderr } = await runKedge(["disk:pull", reference, out], {
      cacheDir,
      denyRead: "/proc",
    });
    assertEquals(code, 1);
    assertStringIncludes(stderr, `error: Cannot pull "${reference}" to "${out}": Device or res`);
    assertStringIncludes(
      stderr,
      "hint: what is mounted or run from stays where it is; pull into",
    );
    const again = await runKedge(["disk:pull", "--in-place", reference, out], { cacheDir });
    assertEquals(again.code, 0, again.stderr);
  } finally {
    await unmount(out);
  }
  await world.holds("out", data);
});

Deno.test("pushDisk() pushes no file that is half of what a pull in place was to make of it", async () => {
  await using world = await DiskWorld.make();
  const push = { file: world.path("out"), reference: `oci:${world.path("store")}:2` };
  const tart = await putTart(world.path("store"), "tart", tartImage(data, 300_000));
  for (const reference of [await pushed(world), tart]) {
    const file = await world.write("out", join(noise(1_000_000, 2), data.subarray(0, 500_000)));
    const stop = new AbortController();
    const report = (event: OperationEvent) => {
      if (event.type === "phase-start" && event.phase === "verify") stop.abort(new Error("enough"));
    };
    const pull = { reference, file, inPlace: true };
    const cut = { ...world.machine(), signal: stop.signal, report };
    await assertRejects(() => pullDisk(pull, cut), Error, "enough");
    const state = `Cannot push "${file}": a pull into it did not end`;
    await assertRejects(() => pushDisk(push, world.machine()), KedgeError, state);
    await pullDisk(pull, world.machine());
    await pushDisk(push, world.machine());
  }
});

Deno.test("disk:push says what it could not do where a folder stands in the place of a pack", async () => {
  await using world = await DiskWorld.make();
  const reference = await pushed(world);
  const file = world.path("disk");
  const packs: string[] = [];
  for await (const { name } of Deno.readDir(world.path("store/blobs/sha256"))) {
    const path = world.path(`store/blobs/sha256/${name}`);
    if ((await Deno.stat(path)).size > 100_000) packs.push(path);
  }
  for (const path of packs) {
    await Deno.remove(path);
    await Deno.mkdir(path);
  }
  const error = await assertRejects(
    () => pushDisk({ file, reference, repack: true }, world.machine()),
    KedgeError,
    `Cannot push "${file}" to "${reference}": Is a directory`,
  );
  assertEquals(error.hint, "a folder stands where a file belongs; move it away");
});

Deno.test("pushDisk() reads a file that was written to at the very moment when it got its name from a pull", async () => {
  await using world = await DiskWorld.make();
  const reference = await pushed(world);
  const out = world.path("out");
  const { stat } = Deno;
  const changed = data.map((byte, at) => at === 1_000_000 ? byte ^ 1 : byte);
  const machine = world.machine();
  const report = (event: OperationEvent) => {
    if (event.type !== "phase-start" || event.phase !== "commit") return;
    Deno.stat = (path) => {
      if (path === out) Deno.writeFileSync(out, changed);
      return stat(path);
    };
  };
  try {
    await pullDisk({ reference, file: out }, { ...machine, report });
  } finally {
    Deno.stat = stat;
  }
  const again = `oci:${world.path("store")}:2`;
  await pushDisk({ file: out, reference: again }, machine);
  await pullDisk({ reference: again, file: world.path("copy") }, world.machine());
  await world.holds("copy", changed);
});
