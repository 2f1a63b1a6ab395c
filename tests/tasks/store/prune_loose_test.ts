/** What a carry or an import that was killed leaves in the folder, for the next prune. */
import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { lockFile } from "../../../lib/base/file_lock.ts";
import { folderNames, ifThere } from "../../../lib/base/files.ts";
import { isNoRoom } from "../../../lib/base/errors.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { lockNixFolder } from "../../../lib/nix/folder/lock_nix_folder.ts";
import { LoosePaths } from "../../../lib/nix/folder/loose_paths.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { pruneStore, type PruneStoreResult } from "../../../tasks/store/store.ts";
import { carryPrograms, CarryRoom, nixPaths } from "../../support/carry_room.ts";
import { layersOf, verifyWithNix } from "../../support/nix_store_image.ts";
import { spawnKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { canMount, mountSmallDisk } from "../../support/small_disk.ts";
import { treeOf } from "../../support/tree.ts";

async function prune(room: CarryRoom, more: TaskContextOptions = {}): Promise<PruneStoreResult> {
  const options = { in: { folder: room.nix.path }, keep: 9 };
  return await pruneStore(options, { ...room.context, ...more });
}

const loose = [1, 2, 3].map((i) => ({
  baseName: `${String(i).repeat(32)}-loose`,
  narSize: i * 100,
}));

/** Puts paths where a killed run would have placed them. */
async function place(room: CarryRoom): Promise<void> {
  await new LoosePaths(room.nix).add(loose);
  for (const { baseName } of loose) {
    await Deno.mkdir(room.nix.pathOf(baseName));
    await Deno.writeTextFile(join(room.nix.pathOf(baseName), "file"), baseName);
  }
}

const onSmallDisk = [...carryPrograms, canMount ? "mount" : "the rights of root"];

async function there(room: CarryRoom): Promise<string[]> {
  return (await folderNames(room.nix.store)).filter((name) => name.endsWith("-loose"));
}

realTest("pruneStore() frees what a killed carry placed", carryPrograms, async () => {
  await using room = await CarryRoom.make();
  await room.carry(await room.image("2.8.0"));
  await verifyWithNix(room.nix.uri);
  const valid = await folderNames(room.nix.store);
  const big = Array.from({ length: 8 }, (_, i) => ({
    name: `big-${i}`,
    files: { data: `${i}`.repeat(2_000_000) },
  }));
  const store = await room.store("2.9.0", [...big, ...nixPaths("2.9.0")]);
  const base = await room.image("2.9.0", await layersOf(store));
  const args = ["base-image:carry", "--nix-version=2.9.0", `--repository=${room.repository}`];
  // While somebody else changes Nix's database, the run makes nothing valid.
  const busy = new DatabaseSync(join(room.nix.databaseFolder, "db.sqlite"));
  busy.exec("begin immediate");
  const child = spawnKedge([...args, `--folder=${room.nix.path}`], {
    cacheDir: join(room.folder, "cache"),
  });
  while (!(await folderNames(room.nix.store)).some((name) => name.includes("-big-"))) {
    await delay(2);
  }
  child.kill("SIGKILL");
  await child.output();
  busy.close();
  const placed = (await folderNames(room.nix.store)).length - valid.length;
  const before = await treeOf(room.nix.path);
  const planned = await prune(room, { dryRun: true });
  assertEquals(await treeOf(room.nix.path), before);
  assertEquals([planned.changed, planned.paths], [true, placed]);
  assertEquals(planned.bytes > 2_000_000, true);
  assertStringIncludes(planned.why, `killed runs left ${placed} paths that are not valid`);
  assertEquals(await prune(room), { ...planned, dryRun: false });
  assertEquals(await folderNames(room.nix.store), valid);
  assertEquals(await folderNames(room.nix.staging), []);
  await verifyWithNix(room.nix.uri);
  assertEquals((await prune(room)).changed, false);
  assertEquals((await room.carry(base)).pathsMoved, 9);
  assertEquals((await prune(room)).changed, false);
  await verifyWithNix(room.nix.uri);
});

realTest(
  "pruneStore() leaves what is valid or in use, whatever was noted",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    await room.carry(await room.image("2.8.0"));
    const valid = await folderNames(room.nix.store);
    await place(room);
    await new LoosePaths(room.nix).add(valid.map((baseName) => ({ baseName, narSize: 1 })));
    const [named, locked] = loose.map((each) => each.baseName) as [string, string, string];
    const unnoted = `${"4".repeat(32)}-loose`;
    await Deno.mkdir(room.nix.pathOf(unnoted));
    // What a Nix writes of paths that it has in hand.
    await Deno.writeTextFile(join(room.nix.state, "temproots", "1"), `/nix/store/${named}\0`);
    {
      using _lock = await lockFile(`${room.nix.pathOf(locked)}.lock`);
      const done = await prune(room);
      assertEquals([done.paths, done.bytes], [1, 300]);
      assertEquals(await there(room), [named, locked, unnoted]);
      assertEquals((await prune(room)).changed, false);
    }
    await Deno.remove(join(room.nix.state, "temproots", "1"));
    assertEquals((await prune(room)).paths, 2);
    assertEquals(await there(room), [unnoted]);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "pruneStore() removes the folder of roots that a killed carry has only made",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const base = await room.image("2.8.0");
    await room.carry(base);
    const roots = join(room.nix.state, "gcroots", "kedge");
    const own = await folderNames(roots);
    for (const name of ["a".repeat(64), "other"]) await Deno.mkdir(join(roots, name));
    const planned = await prune(room, { dryRun: true });
    assertEquals([planned.changed, planned.paths], [true, 0]);
    assertStringIncludes(planned.why, "a killed run left what it had under way");
    assertEquals(await prune(room), { ...planned, dryRun: false });
    // What is not an image's is somebody else's.
    assertEquals(await folderNames(roots), [...own, "other"].sort());
    assertEquals((await prune(room)).changed, false);
    assertEquals((await room.carry(base)).changed, false);
  },
);

realTest("pruneStore() waits for a run that may be placing paths", carryPrograms, async () => {
  await using room = await CarryRoom.make();
  await room.carry(await room.image("2.8.0"));
  await place(room);
  const waiting = Promise.withResolvers<void>();
  const report = (event: OperationEvent) => {
    if (event.type === "note" && event.message.includes("another run is at work")) {
      waiting.resolve();
    }
  };
  const { signal } = new AbortController();
  let pruning: Promise<PruneStoreResult>;
  {
    using _lock = await lockNixFolder(room.nix, { timeoutMs: 1000, onWait() {}, signal });
    const planned = await prune(room, { dryRun: true });
    assertEquals([planned.changed, planned.paths], [false, 0]);
    assertStringIncludes(planned.why, "another run is at work there");
    pruning = prune(room, { report });
    await waiting.promise;
    assertEquals((await there(room)).length, 3);
    // The run that is waited for makes two of them valid, or takes them away.
    await new LoosePaths(room.nix).settle((name) => name !== loose[0]!.baseName);
  }
  const done = await pruning;
  assertEquals([done.changed, done.paths], [true, 1]);
  assertEquals(await there(room), loose.slice(1).map(({ baseName }) => baseName));
});

realTest("pruneStore() frees a disk that is full to the last byte", onSmallDisk, async () => {
  await using room = await CarryRoom.make();
  const small = join(room.folder, "small");
  await using disk = await mountSmallDisk(small, 4 * 1024 * 1024);
  const nix = new NixFolder(join(disk.dir, "nix"));
  const to = { folder: nix.path };
  for (const version of ["2.8.0", "2.8.1"]) await room.carry(await room.image(version), { to });
  await new LoosePaths(nix).add(loose.slice(0, 1));
  const path = nix.pathOf(loose[0]!.baseName);
  {
    using file = await Deno.open(path, { write: true, createNew: true });
    const piece = new Uint8Array(4096);
    const full = await assertRejects(async () => {
      for (;;) await file.write(piece);
    });
    assertEquals(isNoRoom(full), true);
  }
  const done = await pruneStore({ in: to, keep: 0 }, room.context);
  assertEquals([done.dropped.length, done.paths], [1, 2]);
  assertEquals(await ifThere(Deno.lstat(path)), undefined);
  await verifyWithNix(nix.uri);
});
