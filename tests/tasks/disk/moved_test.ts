/** What is said after a pull of where its tag points by then. @module */
import { assertEquals, assertRejects } from "@std/assert";
import { exitCodeOf, KedgeError } from "../../../lib/base/errors.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { noise } from "../../support/disk.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { putTart, tartImage } from "../../support/tart.ts";

const data = noise(500_000);

/** Pushes a disk; gives its digest. */
async function push(world: DiskWorld, host: string, bytes: Uint8Array): Promise<string> {
  const reference = `docker://${host}/acme/disk:1`;
  return (await pushDisk({ file: await world.write("disk", bytes), reference }, world.machine()))
    .digest!;
}

/** Pulls a disk, while something happens once all of it is there; gives its digest, and what was said of the tag. */
async function pull(
  world: DiskWorld,
  options: { reference: string; mirrors?: string[] },
  then: () => void,
): Promise<{ digest: string; said: string[] }> {
  const said: string[] = [];
  const report = (event: OperationEvent) => {
    if (event.type === "phase-start" && event.phase === "commit") then();
    if (event.type === "note" && event.message.includes(" moved")) said.push(event.message);
  };
  const file = world.path("out");
  const { digest } = await pullDisk({ ...options, file }, { ...world.machine(), report });
  await world.holds("out", data);
  await Deno.remove(file);
  return { digest, said };
}

Deno.test("pullDisk() says where its tag moved meanwhile", async () => {
  await using world = await DiskWorld.make();
  await using registry = new FakeRegistry();
  const next = await push(world, registry.host, data.toReversed());
  const digest = await push(world, registry.host, data);
  const reference = `docker://${registry.host}/acme/disk:1`;
  const { tags } = registry.store.repository("acme/disk");
  for (const now of [next, undefined]) {
    const pulled = await pull(world, { reference }, () => {
      if (now === undefined) tags.delete("1");
      else tags.set("1", now);
    });
    const said = [`${reference} moved to ${now ?? "nothing"} meanwhile; ${digest} was pulled`];
    assertEquals(pulled, { digest, said });
    tags.set("1", digest);
  }
});

Deno.test("pullDisk() has pulled a disk also where the registry goes before it tells whether the tag moved", async () => {
  await using world = await DiskWorld.make();
  const registry = new FakeRegistry();
  const digest = await push(world, registry.host, data);
  const reference = `docker://${registry.host}/acme/disk:1`;
  let gone: Promise<void> | undefined;
  const pulled = await pull(world, { reference }, () => {
    gone = registry[Symbol.asyncDispose]();
  });
  await gone;
  assertEquals(pulled.digest, digest);
  assertEquals(pulled.said.map((note) => note.replace(/ moved: .*/, " moved")), [
    `cannot tell whether ${reference} moved`,
  ]);
});

for (const loss of ["has lost the tag", "is gone"] as const) {
  Deno.test(`pullDisk() asks no registry whether a tag moved that a mirror gave, which ${loss} by then`, async () => {
    await using world = await DiskWorld.make();
    await using origin = new FakeRegistry();
    const mirror = new FakeRegistry();
    await push(world, origin.host, data.toReversed());
    const digest = await push(world, mirror.host, data);
    const reference = `docker://${origin.host}/acme/disk:1`;
    const mirrors = [`${origin.host}=${mirror.host}`];
    const asked = origin.requests.length;
    let gone: Promise<void> | undefined;
    const pulled = await pull(world, { reference, mirrors }, () => {
      mirror.store.repository("acme/disk").tags.clear();
      if (loss === "is gone") gone = mirror[Symbol.asyncDispose]();
    });
    await gone;
    assertEquals([pulled.digest, origin.requests.length], [digest, asked]);
    assertEquals(pulled.said.map((note) => note.replace(/ moved: .*/, " moved")), [
      `cannot tell whether ${reference} moved`,
    ]);
    if (loss === "has lost the tag") await mirror[Symbol.asyncDispose]();
  });
}

for (const kind of ["disk", "Tart image"] as const) {
  for (const what of kind === "disk" ? ["index", "pack"] as const : ["layer"] as const) {
    Deno.test(`pullDisk() of a ${kind} says that its tag moved where it cannot have the ${what} any more`, async () => {
      await using world = await DiskWorld.make();
      await using registry = new FakeRegistry();
      const next = await push(world, registry.host, data.toReversed());
      const { tags, blobs } = registry.store.repository("acme/disk");
      const needed = [...blobs];
      if (kind === "disk") await push(world, registry.host, data);
      else {
        const from = await putTart(world.path("store"), "1", tartImage(data, 300_000));
        await syncImage({ from, to: `docker://${registry.host}/acme/disk:1` }, world.machine());
      }
      let asked = 0;
      await using proxy = new DiskProxy(registry.host, {
        before: ({ method, url }) => {
          if (method !== "GET" || !url.includes("/blobs/")) return;
          if (asked++ !== (what === "pack" ? 1 : 0)) return;
          tags.set("1", next);
          blobs.clear();
          needed.forEach((digest) => blobs.add(digest));
        },
      });
      const options = {
        reference: `docker://${proxy.host}/acme/disk:1`,
        file: world.path("out"),
      };
      const here = world.machine();
      const error = await assertRejects(() => pullDisk(options, here), KedgeError);
      const { reference } = options;
      assertEquals(
        error.message,
        `Cannot go on with "${reference}": it moved to ${next} meanwhile`,
      );
      assertEquals(error.hint, "run the same command again: it then uses what the tag means now");
      assertEquals(exitCodeOf(error), 3);
      assertEquals((await pullDisk(options, here)).digest, next);
      await world.holds("out", data.toReversed());
    });
  }
}
