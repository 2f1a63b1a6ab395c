/** Files of other users where a pull writes: what one began, and what one may not read. @module */
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Digest } from "../../../lib/base/digest.ts";
import { lookAtDiskFile } from "../../../lib/disk/disk_file.ts";
import { pullDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";

import { twoDisks } from "../../support/two_disks.ts";
import { realTest } from "../../support/real.ts";

const data = noise(700_000);
const other = 1234;

/** Pulls as a user whom permissions bind, once without writing anything. */
async function pullBound(world: DiskWorld, reference: string, file: string) {
  const options = { cacheDir: world.path("cache"), bound: true };
  const args = ["disk:pull", reference, file];
  return [
    await runKedge([...args, "--dry-run"], options),
    await runKedge(args, options),
  ] as const;
}

/** Makes a folder that the group of this process may write, and in it what another user's pull left of a disk. */
async function leftByOther(
  world: DiskWorld,
  reference: string,
  { mode, folderMode }: { mode: number; folderMode: number },
): Promise<{ file: string; left: string }> {
  const { digest } = await pullDisk(
    { reference, file: world.path("seen") },
    { ...world.machine(), dryRun: true },
  );
  const folder = world.path(`here${mode}-${folderMode}`);
  await Deno.mkdir(folder, { recursive: true });
  const file = `${folder}/out`;
  const left = (await lookAtDiskFile(file)).partial(digest as Digest);
  await Deno.writeFile(left, data.subarray(0, 400_000));
  await Deno.chmod(left, mode);
  await Deno.chmod(folder, folderMode);
  for (const path of [left, folder]) await Deno.chown(path, other, 0);
  return { file, left };
}

realTest("disk:pull begins anew where another user's pull of the disk left what it may only read", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  for (const reference of await twoDisks(world, data)) {
    for (const mode of [0o644, 0o444]) {
      const { file } = await leftByOther(world, reference, { mode, folderMode: 0o775 });
      for (const { code, stderr } of await pullBound(world, reference, file)) {
        assertEquals(code, 0, stderr);
        assertEquals(stderr.includes("changed meanwhile"), false, stderr);
      }
      assertEquals(await Deno.readFile(file), data);
      assertEquals((await Deno.stat(file)).uid, 0);
      await Deno.remove(file);
    }
  }
});

realTest(
  "disk:pull refuses what another user's pull left where it may not take that away, dry or not",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    for (const reference of await twoDisks(world, data)) {
      for (
        const [mode, folderMode] of [[0o644, 0o1777], [0o600, 0o1777], [0o644, 0o755]] as const
      ) {
        const { file, left } = await leftByOther(world, reference, { mode, folderMode });
        for (const { code, stderr } of await pullBound(world, reference, file)) {
          assertEquals(code, 5, stderr);
          assertStringIncludes(stderr, `Permission denied (os error 13): open '${left}'`);
        }
      }
    }
  },
);

realTest(
  "disk:pull replaces a file that it may not read, and takes nothing of it",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    for (const reference of await twoDisks(world, data)) {
      for (const [mode, uid] of [[0o200, 0], [0o600, other]] as const) {
        const file = await world.write("out", data);
        await Deno.chmod(file, mode);
        await Deno.chown(file, uid, uid);
        for (const { code, stderr } of await pullBound(world, reference, file)) {
          assertEquals(code, 0, stderr);
          const note = `"${file}" may not be read by this user: nothing of it is taken`;
          assertStringIncludes(stderr, note);
        }
        const { mode: now } = await Deno.stat(file);
        assertEquals(now! & 0o7777, mode);
        await Deno.chmod(file, 0o600);
        await world.holds("out", data);
      }
    }
  },
);
