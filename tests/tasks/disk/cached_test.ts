/** Packs that lie in the cache when a pull is planned, and are gone or spoiled when they are read. @module */
import { assert, assertEquals } from "@std/assert";
import { lookAt } from "../../../lib/base/files.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { inspectDisk } from "../../../tasks/disk/inspect.ts";
import { join, noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";

const data = noise(3_000_000);

/** The files of a folder that are large enough for packs. */
function packsIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? packsIn(path) : Deno.statSync(path).size > 1_000_000 ? [path] : [];
  });
}

function sizeOf(path: string | URL): number {
  return lookAt(String(path))?.size ?? 0;
}

const losses: Record<string, (pack: string) => void> = {
  "gone": (pack) => Deno.removeSync(pack),
  "cut off": (pack) => Deno.truncateSync(pack, 1000),
  "a folder": (pack) => {
    Deno.removeSync(pack);
    Deno.mkdirSync(pack);
  },
  "other bytes": (pack) => Deno.writeFileSync(pack, data.toReversed()),
};

for (const [what, lose] of Object.entries(losses)) {
  Deno.test(`pullDisk() fetches a pack of the cache that is ${what} when it is read`, async () => {
    await using world = await DiskWorld.make();
    await using registry = new FakeRegistry();
    const reference = `docker://${registry.host}/acme/disk:1`;
    await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
    // A registry without ranges gives whole packs, which stay in the cache.
    registry.quirks.add("ignore-range");
    const here = world.machine();
    await pullDisk({ reference, file: world.path("one") }, here);
    registry.quirks.clear();
    await Deno.remove(world.path("one"));
    const packs = packsIn(here.cache!.dir);
    assertEquals(packs.length, 1);
    const report = (event: OperationEvent) => {
      if (event.type !== "phase-start" || event.phase !== "move") return;
      Deno.chmodSync(packs[0]!, 0o600);
      lose(packs[0]!);
    };
    const pull = await pullDisk({ reference, file: world.path("out") }, { ...here, report });
    await world.holds("out", data);
    assertEquals([pull.bytesMoved, pull.bytesReused], [data.length, 0]);
  });
}

Deno.test("pullDisk() leaves no mirror alone for what was wrong in the cache", async () => {
  await using world = await DiskWorld.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  const reference = `docker://${origin.host}/acme/disk:1`;
  const disk = join(data, noise(9_000_000, 2));
  const file = await world.write("disk", disk);
  for (const { host } of [origin, mirror]) {
    await pushDisk({ file, reference: `docker://${host}/acme/disk:1` }, world.machine());
  }
  const options = { reference, mirrors: [`${origin.host}=${mirror.host}`] };
  for (const { quirks } of [origin, mirror]) quirks.add("ignore-range");
  const here = world.machine();
  await pullDisk({ ...options, file: world.path("one") }, here);
  for (const { quirks } of [origin, mirror]) quirks.clear();
  await Deno.remove(world.path("one"));
  const [pack = ""] = packsIn(here.cache!.dir);
  await Deno.chmod(pack, 0o600);
  await Deno.writeFile(pack, (await Deno.readFile(pack)).reverse());
  const asked = origin.requests.length;
  await pullDisk({ ...options, file: world.path("out") }, here);
  await world.holds("out", disk);
  assertEquals(origin.requests.length, asked);
});

Deno.test("pullDisk() fetches a pack once more that goes between two of its parts", async () => {
  await using world = await DiskWorld.make();
  await using registry = new FakeRegistry();
  const reference = `docker://${registry.host}/acme/disk:1`;
  const disk = join(data, noise(9_000_000, 2), noise(2_000_000, 3));
  await pushDisk({ file: await world.write("disk", disk), reference }, world.machine());
  registry.quirks.add("ignore-range");
  const base = await world.write("base", disk.subarray(2_000_000, 13_000_000));
  const { open } = Deno;
  let lost = 0;
  Deno.open = (path, options) => {
    const isPack = /\/blobs-v1\/sha256\//.test(String(path)) && sizeOf(path) > 10_000_000;
    if (!isPack || lost++ > 0) return open(path, options);
    return open(path, options).then((file) => {
      Deno.removeSync(path);
      return file;
    });
  };
  const options = { reference, file: world.path("out"), bases: [base], concurrency: 1 };
  try {
    await pullDisk(options, world.machine());
  } finally {
    Deno.open = open;
  }
  await world.holds("out", disk);
  assert(lost > 1, "several parts were read");
});

for (const what of ["gone", "other bytes"] as const) {
  Deno.test(`pullDisk() fetches an index of the cache that is ${what} when it is read`, async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
    const here = world.machine();
    await pullDisk({ reference, file: world.path("one") }, here);
    const { indexBytes } = await inspectDisk({ reference }, here);
    const { open } = Deno;
    let lost = 0;
    Deno.open = (path, options) => {
      const isIndex = /\/blobs-v1\/sha256\//.test(String(path)) && sizeOf(path) === indexBytes;
      if (isIndex && lost++ === 0) {
        Deno.chmodSync(path, 0o600);
        if (what === "gone") Deno.removeSync(path);
        else Deno.writeFileSync(path, new Uint8Array(indexBytes));
      }
      return open(path, options);
    };
    try {
      await pullDisk({ reference, file: world.path("out") }, here);
    } finally {
      Deno.open = open;
    }
    await world.holds("out", data);
    assert(lost > 0);
  });
}
