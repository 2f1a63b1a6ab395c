/** Pulls from a registry that break off, bring wrong bytes, or whose tag moves meanwhile. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { UnreachableError, VerificationError } from "../../../lib/base/errors.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { join, noise } from "../../support/disk.ts";
import { first, second } from "../../support/disk_data.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

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
