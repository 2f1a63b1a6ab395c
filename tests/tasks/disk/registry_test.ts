import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { IncompleteError, UnreachableError, VerificationError } from "../../../lib/base/errors.ts";
import { runProcess } from "../../../lib/base/process_group.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { inspectDisk } from "../../../tasks/disk/inspect.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { join, noise } from "../../support/disk.ts";
import { first } from "../../support/disk_data.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { realTest } from "../../support/real.ts";
import { layersOf, lose, startRegistry } from "../../support/registry.ts";

const second = first.slice();
second[10]! ^= 1;
second[4_900_000]! ^= 1;

realTest(
  "a disk lives as one tag of docker-registry, and a dry run foresees the requests",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    await using proxy = new DiskProxy(registry.host);
    const reference = `docker://${proxy.host}/acme/disk:1`;
    const [here, there] = [world.machine(), world.machine()];
    const file = await world.write("disk", first);
    const plan = await pushDisk({ file, reference }, { ...here, dryRun: true });
    const push = await pushDisk({ file, reference }, here);
    assertEquals(plan.requests, push.requests);
    const foreseen = await pullDisk({ reference, file: world.path("out") }, {
      ...there,
      dryRun: true,
    });
    const pull = await pullDisk({ reference, file: world.path("out") }, there);
    await world.holds("out", first);
    assertEquals({ ...foreseen, dryRun: false }, pull);

    await world.write("disk", second);
    const before = proxy.requests.length;
    const change = await pushDisk({ file, reference }, here);
    assertEquals(proxy.requests.length - before, change.requests);
    assert(change.bytesMoved < push.bytesMoved / 5);
    await pullDisk({ reference, file: world.path("out") }, there);
    await world.holds("out", second);
    const unchanged = await pullDisk({ reference, file: world.path("out") }, there);
    assertEquals([unchanged.changed, unchanged.requests, unchanged.bytesMoved], [false, 1, 0]);
  },
);

realTest("packs are mounted across repositories", ["docker-registry"], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  const base = `docker://${registry.host}/acme/disk:1`;
  const reference = `docker://${registry.host}/other/disk:1`;
  await pushDisk({ file: await world.write("disk", first), reference: base }, world.machine());
  const push = await pushDisk(
    { file: await world.write("second", second), reference, bases: [base] },
    world.machine(),
  );
  assert(push.bytesMoved < 300_000, String(push.bytesMoved));
  assert(
    (await registry.accesses()).some((line) => line.includes("mount=") && line.endsWith("201")),
  );
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", second);
});

for (const quirk of ["no-mount", "mount-refused", undefined] as const) {
  const lends = quirk === undefined;
  Deno.test(`pushDisk() plans with packs that a registry ${lends ? "lends" : `does not lend (${quirk})`}`, async () => {
    await using world = await DiskWorld.make();
    await using registry = new FakeRegistry({ quirks: quirk === undefined ? [] : [quirk] });
    const base = `docker://${registry.host}/acme/disk:1`;
    const machine = world.machine();
    await pushDisk({ file: await world.write("disk", first), reference: base }, machine);
    const file = await world.write("second", second);
    const again = async (tag: string) => {
      const options = {
        file,
        reference: `docker://${registry.host}/other/disk:${tag}`,
        bases: [base],
      };
      const plan = await pushDisk(options, { ...machine, dryRun: true });
      const push = await pushDisk(options, machine);
      assert(push.bytesMoved <= plan.bytesMoved, `${push.bytesMoved} > ${plan.bytesMoved}`);
      assert(push.requests <= plan.requests, `${push.requests} > ${plan.requests}`);
      return plan.bytesMoved;
    };
    const [before, after] = [await again("1"), await again("2")];
    assertEquals([before > 3_000_000, after > 3_000_000], [true, !lends]);
  });
}

Deno.test("pushDisk() does not take what one registry lends for what another does", async () => {
  await using world = await DiskWorld.make();
  const machine = world.machine();
  const file = await world.write("second", second);
  const push = async (registry: FakeRegistry) => {
    const base = `docker://${registry.host}/acme/disk:1`;
    await pushDisk({ file: await world.write("disk", first), reference: base }, machine);
    const options = { file, reference: `docker://${registry.host}/other/disk:1`, bases: [base] };
    const plan = await pushDisk(options, { ...machine, dryRun: true });
    const { bytesMoved } = await pushDisk(options, machine);
    assert(bytesMoved <= plan.bytesMoved, `${bytesMoved} > ${plan.bytesMoved}`);
  };
  await using lending = new FakeRegistry();
  await push(lending);
  await using refusing = new FakeRegistry({ quirks: ["no-mount"] });
  await push(refusing);
});

realTest("packs of a disk in another registry come along", ["docker-registry"], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  await using other = await startRegistry();
  const base = `docker://${registry.host}/acme/disk:1`;
  const reference = `docker://${other.host}/acme/disk:1`;
  await pushDisk({ file: await world.write("disk", first), reference: base }, world.machine());
  const file = await world.write("second", second);
  const options = { file, reference, bases: [base] };
  const plan = await pushDisk(options, { ...world.machine(), dryRun: true });
  const push = await pushDisk(options, world.machine());
  assertEquals(plan.requests, push.requests);
  assert(push.bytesMoved <= plan.bytesMoved && push.bytesMoved > 3_000_000);
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", second);
});

realTest(
  "skopeo and syncImage() copy a disk as any image, missing packs only",
  ["docker-registry", "skopeo"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    const from = `docker://${registry.host}/acme/disk:1`;
    const here = world.machine();
    const file = await world.write("disk", first);
    const pushed = await pushDisk({ file, reference: from }, here);
    const skopeo = await runProcess("skopeo", {
      args: [
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        from,
        `docker://${registry.host}/by/skopeo:1`,
      ],
    });
    assertEquals(skopeo.code, 0, skopeo.stderr);
    const copied = await inspectDisk(
      { reference: `docker://${registry.host}/by/skopeo:1` },
      world.machine(),
    );
    assertEquals(copied.digest, pushed.digest!);

    const to = `oci:${world.path("layout")}:1`;
    await syncImage({ from, to }, here);
    await world.write("disk", second);
    await pushDisk({ file, reference: from }, here);
    const sync = await syncImage({ from, to }, here);
    assert(sync.bytesMoved < 400_000, String(sync.bytesMoved));
    await pullDisk({ reference: to, file: world.path("out") }, world.machine());
    await world.holds("out", second);
  },
);

realTest(
  "a registry without ranges gives whole packs, and it is said",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    await using proxy = new DiskProxy(registry.host, { ranges: false });
    const file = await world.write("disk", first);
    await pushDisk({ file, reference: `docker://${registry.host}/acme/disk:1` }, world.machine());
    const reference = `docker://${proxy.host}/acme/disk:1`;
    const there = world.machine();
    await pullDisk({ reference, file: world.path("out") }, there);
    await world.holds("out", first);
    assert(world.notes.some((note) => note.includes("gives no ranges")));
    // The packs are in the cache now.
    await Deno.remove(world.path("out"));
    const again = await pullDisk({ reference, file: world.path("out") }, there);
    await world.holds("out", first);
    assertEquals(again.bytesMoved, 0);
  },
);

realTest("a pull goes on where a range ended that came short, without a wait or a whole pack", [
  "docker-registry",
], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  const direct = `docker://${registry.host}/acme/disk:1`;
  await pushDisk({ file: await world.write("disk", first), reference: direct }, world.machine());
  const whole = await pullDisk({ reference: direct, file: world.path("out") }, world.machine());
  await using proxy = new DiskProxy(registry.host, { mostOfRange: 100_000 });
  const reference = `docker://${proxy.host}/acme/disk:1`;
  const short = await pullDisk({ reference, file: world.path("other") }, world.machine());
  await world.holds("other", first);
  const complaints = world.notes.filter((note) => /no ranges|again|ended/.test(note));
  assertEquals([complaints, short.bytesMoved], [[], whole.bytesMoved]);
  assert(short.requests > short.bytesMoved / 100_000, String(short.requests));

  // Bytes that are wrong in one of the parts are found and fetched again.
  let spoiled = 0;
  proxy.behaviour.spoil = (bytes, request) => {
    if (request.headers.has("range") && spoiled++ === 3) bytes[bytes.length >> 1]! ^= 1;
  };
  await pullDisk({ reference, file: world.path("third") }, world.machine());
  await world.holds("third", first);
  assert(spoiled > 3);
});

realTest("bytes spoiled on the way are fetched again, and refused if they stay wrong", [
  "docker-registry",
], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  const file = await world.write("disk", first);
  await pushDisk({ file, reference: `docker://${registry.host}/acme/disk:1` }, world.machine());
  let spoiled = 0;
  await using proxy = new DiskProxy(registry.host, {
    spoil: (bytes, request) => {
      if (request.headers.has("range") && spoiled++ === 0) bytes[bytes.length >> 1]! ^= 1;
    },
  });
  const reference = `docker://${proxy.host}/acme/disk:1`;
  await pullDisk({ reference, file: world.path("out") }, world.machine());
  await world.holds("out", first);

  proxy.behaviour.spoil = (bytes, request) => {
    if (request.headers.has("range")) bytes[bytes.length >> 1]! ^= 1;
  };
  await assertRejects(
    () => pullDisk({ reference, file: world.path("other") }, world.machine()),
    VerificationError,
    "Cannot use the pack",
  );
  assertEquals((await world.names()).includes("other"), false);
  proxy.behaviour.spoil = (bytes) => bytes[5]! ^= 1;
  await assertRejects(
    () => pullDisk({ reference, file: world.path("other") }, world.machine()),
    VerificationError,
    "its bytes are not those of the digest",
  );
});

realTest("a tag that moves during a pull is told, and the next pull goes on with what is there", [
  "docker-registry",
], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  const direct = `docker://${registry.host}/acme/disk:1`;
  const here = world.machine();
  const file = await world.write("disk", first);
  await pushDisk({ file, reference: direct }, here);
  let moved = false;
  await using proxy = new DiskProxy(registry.host, {
    before: async (request) => {
      if (moved || !request.headers.has("range")) return;
      moved = true;
      await world.write("disk", second);
      await pushDisk({ file, reference: direct }, here);
    },
  });
  const reference = `docker://${proxy.host}/acme/disk:1`;
  const there = world.machine();
  await pullDisk({ reference, file: world.path("out") }, there);
  await world.holds("out", first);
  assert(world.notes.some((note) => note.includes("meanwhile")));
  const next = await pullDisk({ reference, file: world.path("out") }, there);
  await world.holds("out", second);
  assert(next.bytesMoved < 400_000);
});

realTest("a pull that failed goes on where it was, also towards a newer version", [
  "docker-registry",
], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  const direct = `docker://${registry.host}/acme/disk:1`;
  const here = world.machine();
  const big = join(noise(24_000_000, 5), first);
  const file = await world.write("disk", big);
  const full = await pushDisk({ file, reference: direct }, here);
  let ranges = 0;
  await using proxy = new DiskProxy(registry.host, {
    before: (request) => {
      if (request.headers.has("range") && ++ranges > 5) throw new Error("gone");
    },
  });
  const reference = `docker://${proxy.host}/acme/disk:1`;
  const there = world.machine();
  const stop = new AbortController();
  const failing = pullDisk({ reference, file: world.path("out"), concurrency: 1 }, {
    ...there,
    signal: stop.signal,
  });
  while (ranges < 6) await delay(10);
  stop.abort(new UnreachableError("enough"));
  await assertRejects(() => failing, UnreachableError, "enough");
  assert((await world.names()).some((name) => name.endsWith(".kedge-partial")));
  assert(!(await world.names()).includes("out"));

  delete proxy.behaviour.before;
  const changed = big.slice();
  changed[30_000_000]! ^= 1;
  await world.write("disk", changed);
  await pushDisk({ file, reference: direct }, here);
  const plan = await pullDisk({ reference, file: world.path("out") }, { ...there, dryRun: true });
  const pull = await pullDisk({ reference, file: world.path("out") }, there);
  await world.holds("out", changed);
  assert(pull.bytesMoved < full.bytesMoved * 0.75, `${pull.bytesMoved} of ${full.bytesMoved}`);
  // What was not written yet is not counted on.
  assertEquals({ ...plan, dryRun: false }, pull);
});

realTest("of an index only the pages that changed are fetched", ["docker-registry"], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  const reference = `docker://${registry.host}/acme/disk:1`;
  const [here, there] = [world.machine(), world.machine()];
  const data = noise(110_000_000, 8);
  const file = await world.write("disk", data);
  const options = { file, reference, chunker: "fixed", chunkBytes: 8192 } as const;
  await pushDisk(options, here);
  await pullDisk({ reference, file: world.path("out") }, there);
  const { indexBytes } = await inspectDisk({ reference }, there);
  data[109_000_000]! ^= 1;
  await world.write("disk", data);
  await pushDisk(options, here);
  const pull = await pullDisk({ reference, file: world.path("out") }, there);
  await world.holds("out", data);
  assert(pull.bytesMoved < indexBytes / 3, `${pull.bytesMoved} with an index of ${indexBytes}`);
});

realTest(
  "a new tag names the packs of another tag of the repository",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    const here = world.machine();
    const tag = (name: string) => `docker://${registry.host}/acme/disk:${name}`;
    await pushDisk({ file: await world.write("disk", first), reference: tag("1") }, here);
    const push = await pushDisk(
      { file: await world.write("second", second), reference: tag("2") },
      here,
    );
    assert(push.bytesMoved < 300_000, String(push.bytesMoved));
    await pullDisk({ reference: tag("2"), file: world.path("out") }, world.machine());
    await world.holds("out", second);
  },
);

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

realTest(
  "a push into a layout foresees that the packs of a base of a registry are there already",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    const base = `docker://${registry.host}/acme/disk:1`;
    const file = await world.write("disk", first);
    const layout = (tag: string) => `oci:${world.path("store")}:${tag}`;
    await pushDisk({ file, reference: base }, world.machine());
    await pushDisk({ file, reference: layout("1"), bases: [base] }, world.machine());
    const options = { file, reference: layout("2"), bases: [base] };
    const plan = await pushDisk(options, { ...world.machine(), dryRun: true });
    const push = await pushDisk(options, world.machine());
    assertEquals([plan.bytesMoved, plan.requests], [push.bytesMoved, push.requests]);
    assert(push.bytesMoved < 10_000, String(push.bytesMoved));
    await pullDisk({ reference: layout("2"), file: world.path("out") }, world.machine());
    await world.holds("out", first);
  },
);
