import { assertEquals, assertStringIncludes } from "@std/assert";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";

import { twoDisks } from "../../support/two_disks.ts";
import { realTest } from "../../support/real.ts";

const data = noise(500_000);

for (const kind of ["bound", "alone"] as const) {
  const why = kind === "bound" ? "this user may not give files away" : "no such user is known here";
  realTest(
    `disk:pull replaces a file of another user, and says that ${why}`,
    ["root"],
    async () => {
      await using world = await DiskWorld.make();
      const reference = `oci:${world.path("store")}:1`;
      await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
      const file = await world.write("out", noise(1000));
      await Deno.chown(file, 1234, 1234);
      const args = ["disk:pull", reference, file];
      const run = await runKedge(args, { cacheDir: world.path("cache"), [kind]: true });
      assertEquals(run.code, 0, run.stderr);
      const before = kind === "bound" ? "1234:1234" : "65534:65534";
      const note = `the file belonged to ${before}, and belongs to 0:0 now, since ${why}`;
      assertStringIncludes(run.stderr, note);
      await world.holds("out", data);
    },
  );
}

realTest(
  "disk:pull gives no other group what the group of a file may do, and leaves it to that where this user may",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
    const file = world.path("out");
    for (
      const { owner, mode, groups, becomes } of [
        { owner: 0, mode: 0o660, groups: [0], becomes: [0, 0, 0o600] },
        { owner: 1234, mode: 0o674, groups: [0], becomes: [0, 0, 0o644] },
        { owner: 1234, mode: 0o660, groups: [0, 1235], becomes: [0, 1235, 0o660] },
      ]
    ) {
      await world.write("out", noise(1000));
      await Deno.chmod(file, mode);
      await Deno.chown(file, owner, 1235);
      const options = { cacheDir: world.path("cache"), bound: true, groups };
      const { code, stderr } = await runKedge(["disk:pull", reference, file], options);
      assertEquals(code, 0, stderr);
      await world.holds("out", data);
      const info = await Deno.stat(file);
      assertEquals([info.uid, info.gid, info.mode! & 0o7777], becomes);
      const [uid, gid] = becomes;
      assertStringIncludes(stderr, `belonged to ${owner}:1235, and belongs to ${uid}:${gid} now`);
      await Deno.remove(file);
    }
  },
);

realTest(
  "disk:pull lets no other group read a file while it is pulled that its own group may read",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    const file = await world.write("out", noise(1000));
    await Deno.chmod(file, 0o640);
    await Deno.chown(file, 1234, 1235);
    for (const reference of await twoDisks(world, data)) {
      const modes = new Set<number>();
      const report = (event: OperationEvent) => {
        if (event.type !== "phase-start" || event.phase !== "verify") return;
        const [partial = ""] = [...Deno.readDirSync(world.folder)].map(({ name }) => name)
          .filter((name) => name.endsWith(".kedge-partial"));
        modes.add(Deno.statSync(world.path(partial)).mode! & 0o777);
      };
      await pullDisk({ reference, file }, { ...world.machine(), report });
      const info = await Deno.stat(file);
      assertEquals([[...modes], info.uid, info.gid, info.mode! & 0o777], [
        [0o600],
        1234,
        1235,
        0o640,
      ]);
      await Deno.truncate(file, 1000);
    }
  },
);

Deno.test("pullDisk() leaves the old version to the other names of a file, and in place gives them the new one", async () => {
  await using world = await DiskWorld.make();
  const old = noise(data.length, 2);
  for (const reference of await twoDisks(world, data)) {
    for (const inPlace of [false, true]) {
      const file = await world.write("out", old);
      await Deno.link(file, world.path("other"));
      await pullDisk({ reference, file, inPlace }, world.machine());
      await world.holds("out", data);
      await world.holds("other", inPlace ? data : old);
      await Deno.remove(file);
      await Deno.remove(world.path("other"));
    }
  }
});
