/** Packs and indexes that a registry has lost, or that were spoiled while they waited for it. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { IncompleteError, UnreachableError, VerificationError } from "../../../lib/base/errors.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { first, second } from "../../support/disk_data.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { realTest } from "../../support/real.ts";
import { layersOf, lose, startRegistry } from "../../support/registry.ts";

realTest(
  "a push makes a pack anew that was spoiled while it waited here for the registry",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    const stop = new AbortController();
    await using proxy = new DiskProxy(registry.host, {
      before: ({ method }) => {
        if (method === "PUT" || method === "PATCH") stop.abort(new UnreachableError("enough"));
      },
    });
    const here = world.machine();
    const file = await world.write("disk", first);
    await assertRejects(
      () =>
        pushDisk({ file, reference: `docker://${proxy.host}/acme/disk:1` }, {
          ...here,
          signal: stop.signal,
        }),
      UnreachableError,
      "enough",
    );
    for await (const { path, size } of blobsOf(here.cache!.dir)) {
      if (size < 1_000_000) continue;
      await Deno.chmod(path, 0o644);
      using pack = await Deno.open(path, { write: true });
      await pack.write(new Uint8Array(100));
    }
    const reference = `docker://${registry.host}/acme/disk:1`;
    const push = await pushDisk({ file, reference }, here);
    assert(world.notes.some((note) => note.includes("it is made anew")), String(world.notes));
    await pullDisk({ reference, file: world.path("out") }, world.machine());
    await world.holds("out", first);
    const fresh = await pushDisk({ file, reference: `oci:${world.path("a")}:1` }, world.machine());
    assertEquals(push.digest, fresh.digest);
  },
);

async function* blobsOf(dir: string): AsyncGenerator<{ path: string; size: number }> {
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    const path = `${dir}/${name}`;
    if (isDirectory) yield* blobsOf(path);
    else if (path.includes("/blobs-v1/")) yield { path, size: (await Deno.stat(path)).size };
  }
}

realTest(
  "a pack that the registry has lost is told by push and pull, and repack mends it",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    const reference = `docker://${registry.host}/acme/disk:1`;
    const here = world.machine();
    const file = await world.write("disk", first);
    await pushDisk({ file, reference }, here);
    const [, pack] = await layersOf(registry.url, "acme/disk", "1");
    await lose(registry.url, "acme/disk", pack!);
    await assertRejects(
      () => pullDisk({ reference, file: world.path("out") }, world.machine()),
      VerificationError,
      `the registry has lost ${pack}`,
    );
    await world.write("disk", second);
    const error = await assertRejects(
      () => pushDisk({ file, reference }, here),
      IncompleteError,
      `it lacks ${pack}`,
    );
    assertStringIncludes(error.hint!, "--repack");
    await pushDisk({ file, reference, repack: true }, here);
    await pullDisk({ reference, file: world.path("out") }, world.machine());
    await world.holds("out", second);
  },
);

realTest(
  "a push names nothing again of a disk whose index the registry has lost, and says so",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    const reference = `docker://${registry.host}/acme/disk:1`;
    const file = await world.write("disk", first);
    const here = world.machine();
    await pushDisk({ file, reference }, here);
    // One that knew the disk and has its index no more is no better off than one that never saw it.
    for (const machine of [here, world.machine()]) {
      for (const layer of await layersOf(registry.url, "acme/disk", "1")) {
        await lose(registry.url, "acme/disk", layer);
      }
      for await (const { path } of blobsOf(here.cache!.dir)) await Deno.remove(path);
      world.notes.length = 0;
      await pushDisk({ file, reference }, machine);
      const said = world.notes.filter((note) => note.endsWith("nothing of it is named again"));
      assertEquals(said.length, 1, String(world.notes));
    }
    await pullDisk({ reference, file: world.path("out") }, world.machine());
    await world.holds("out", first);
  },
);
