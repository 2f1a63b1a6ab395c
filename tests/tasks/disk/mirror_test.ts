/** Where rules name mirrors of a registry, its disks are read there first. @module */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import { pullDisk, pushDisk, verifyDisk } from "../../../tasks/disk/disk.ts";
import { diffDisks, inspectDisk } from "../../../tasks/disk/inspect.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { freePort } from "../../support/free_port.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";
import { putTart, tartImage } from "../../support/tart.ts";

const data = noise(3_000_000);

/** Writes a registries.conf by which a registry has one mirror. */
async function mirrorConf(
  world: DiskWorld,
  registry: string,
  mirror: string,
  use = "all",
): Promise<string> {
  const path = world.path(`registries-${use}.conf`);
  await Deno.writeTextFile(
    path,
    `[[registry]]\nlocation = "${registry}"\n[[registry.mirror]]\nlocation = "${mirror}"\n` +
      `pull-from-mirror = "${use}"\n`,
  );
  return path;
}

/** Pushes a disk to several registries; gives its digest. */
async function pushTo(world: DiskWorld, ...hosts: string[]): Promise<string> {
  const file = await world.write("disk", data);
  let digest = "";
  for (const host of hosts) {
    const reference = `docker://${host}/acme/disk:1`;
    digest = (await pushDisk({ file, reference }, world.machine())).digest!;
  }
  return digest;
}

Deno.test("no disk task asks the registry for what a mirror of it has", async () => {
  await using world = await DiskWorld.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  const digest = await pushTo(world, origin.host, `${mirror.host}/hub`);
  const file = world.path("disk");
  const registriesConf = await mirrorConf(world, origin.host, `${mirror.host}/hub`);
  const reference = `docker://${origin.host}/acme/disk:1`;
  const asked = origin.requests.length;
  const there = world.machine();
  const options = { reference, file: world.path("out"), registriesConf };
  const plan = await pullDisk(options, { ...there, dryRun: true });
  const pull = await pullDisk(options, there);
  await world.holds("out", data);
  assertEquals([plan.requests, pull.reference], [pull.requests, `${reference}@${digest}`]);
  await verifyDisk({ reference, file, registriesConf }, world.machine());
  await inspectDisk({ reference, registriesConf }, world.machine());
  await diffDisks({ from: reference, to: reference, registriesConf }, world.machine());
  await world.write("out", data.with(5, data[5]! ^ 1));
  const repair = { reference, file: world.path("out"), repair: true };
  await verifyDisk({ ...repair, mirrors: [`${origin.host}=${mirror.host}/hub`] }, world.machine());
  await world.holds("out", data);
  assertEquals(origin.requests.length, asked);
});

Deno.test("pullDisk() goes on at the registry where a mirror lies, lacks something or is not there", async () => {
  const cases: [string, (mirror: FakeRegistry, origin: FakeRegistry) => void][] = [
    ["is not let in", (mirror) => mirror.faults.expireToken = 1000],
    ["cuts every body", (mirror) => mirror.faults.cutBody = 1000],
    ["gives wrong bytes", (mirror) => mirror.faults.wrongBlob = 1000],
    ["lacks the blobs", (mirror) => mirror.store.repository("acme/disk").blobs.clear()],
    ["lacks the tag", (mirror) => mirror.store.repository("acme/disk").tags.clear()],
    ["lacks all", (mirror) => mirror.store.repositories.clear()],
    ["is busy", (mirror) => mirror.faults.unavailable = 1000],
    ["is not a registry", (mirror) => mirror.quirks.add("html")],
    ["gives no ranges", (mirror) => mirror.quirks.add("ignore-range")],
    ["gives wrong packs, which come whole", (mirror, origin) => {
      for (const { quirks } of [mirror, origin]) quirks.add("ignore-range");
      mirror.faults.wrongBlob = 1000;
    }],
    ["gives some ranges", (mirror) => mirror.faults.lastRanges = 1],
  ];
  for (const [what, spoil] of cases) {
    await using world = await DiskWorld.make();
    await using origin = new FakeRegistry();
    await using mirror = new FakeRegistry(
      what === "is not let in" ? { user: { name: "me", password: "secret" } } : {},
    );
    const digest = await pushTo(
      world,
      origin.host,
      ...what === "is not let in" ? [] : [mirror.host],
    );
    spoil(mirror, origin);
    const registriesConf = await mirrorConf(world, origin.host, mirror.host);
    const reference = `docker://${origin.host}/acme/disk:1`;
    const there = world.machine();
    const pull = await pullDisk({ reference, file: world.path("out"), registriesConf }, there);
    await world.holds("out", data);
    assertEquals([pull.digest, what], [digest, what]);
    const words = /wrong/.test(what) ? "fetching them elsewhere" : "going on with the next place";
    const said = world.notes.filter((note) => note.includes(words));
    assertEquals([said.length > 0, said.length < 4, what], [true, true, what], said.join("\n"));
  }
});

Deno.test("pullDisk() plans what a mirror costs that lacks a disk, or is for digests or tags alone", async () => {
  const noTag = (mirror: FakeRegistry) => mirror.store.repository("acme/disk").tags.clear();
  const nothing = (mirror: FakeRegistry) => mirror.store.repositories.clear();
  const cases: [string, string, (mirror: FakeRegistry) => void, boolean][] = [
    ["lacks the tag", "all", noTag, true],
    ["lacks all", "all", nothing, false],
    ["is for digests alone", "digest-only", () => {}, true],
    ["is for digests alone and lacks all", "digest-only", nothing, false],
    ["is for tags alone", "tag-only", () => {}, true],
  ];
  for (const [what, use, spoil, gives] of cases) {
    await using world = await DiskWorld.make();
    await using origin = new FakeRegistry();
    await using mirror = new FakeRegistry();
    await pushTo(world, origin.host, mirror.host);
    spoil(mirror);
    const registriesConf = await mirrorConf(world, origin.host, mirror.host, use);
    const reference = `docker://${origin.host}/acme/disk:1`;
    const options = { reference, file: world.path("out"), registriesConf };
    const there = world.machine();
    const asked = mirror.requests.length;
    const plan = await pullDisk(options, { ...there, dryRun: true });
    const pull = await pullDisk(options, there);
    await world.holds("out", data);
    assertEquals([plan.requests, what], [pull.requests, what]);
    const given = mirror.requests.slice(asked).filter(({ method, path, status }) =>
      method === "GET" && path.includes("/blobs/") && status < 300
    );
    assertEquals([given.length > 0, what], [gives, what]);
  }
});

Deno.test("pullDisk() asks a mirror that is for tags alone for nothing of a disk named by its digest", async () => {
  await using world = await DiskWorld.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  const digest = await pushTo(world, origin.host, mirror.host);
  const registriesConf = await mirrorConf(world, origin.host, mirror.host, "tag-only");
  const asked = mirror.requests.length;
  const reference = `docker://${origin.host}/acme/disk@${digest}`;
  await pullDisk({ reference, file: world.path("out"), registriesConf }, world.machine());
  assertEquals(mirror.requests.length, asked);
});

Deno.test("pullDisk() tells the registry's failure where all places fail", async () => {
  await using world = await DiskWorld.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  const reference = `docker://${origin.host}/acme/disk:1`;
  const gone = await mirrorConf(world, origin.host, `127.0.0.1:${await freePort()}`);
  const out = world.path("out");
  await assertRejects(
    () => pullDisk({ reference, file: out, registriesConf: gone }, world.machine()),
    KedgeError,
    `Cannot find "${reference}": there is no such image`,
  );
  await pushTo(world, origin.host, mirror.host);
  for (const registry of [origin, mirror]) registry.faults.wrongBlob = 1000;
  const registriesConf = await mirrorConf(world, origin.host, mirror.host);
  await assertRejects(
    () => pullDisk({ reference, file: out, registriesConf }, world.machine()),
    VerificationError,
    `of "${reference}": its bytes are not those of the digest`,
  );
});

realTest("a push names packs again of a base that is read where a registries.conf says", [
  "docker-registry",
], async () => {
  await using world = await DiskWorld.make();
  await using registry = await startRegistry();
  await using other = await startRegistry();
  const file = await world.write("disk", data);
  await pushDisk({ file, reference: `docker://${registry.host}/far/disk:1` }, world.machine());
  const ways = [
    `[[registry]]\nprefix = "disks.invalid"\nlocation = "${registry.host}/far"\n`,
    `[[registry]]\nlocation = "disks.invalid"\n[[registry.mirror]]\nlocation = "${registry.host}/far"\n`,
    // What the tag is called that is written has no say in where the base is.
    `[[registry]]\nlocation = "disks.invalid"\n[[registry.mirror]]\nlocation = "${registry.host}/far"\n` +
    `[[registry]]\nprefix = "${other.host}/far"\nlocation = "${registry.host}/far"\n`,
  ];
  const bases = ["disks.invalid/disk:1", "disks.invalid/disk:1", `${other.host}/far/disk:1`];
  for (const [at, conf] of ways.entries()) {
    const registriesConf = world.path(`${at}.conf`);
    await Deno.writeTextFile(registriesConf, conf);
    const to = at === 2 ? `${other.host}/far/disk:2` : `${other.host}/near/disk-${at}:1`;
    const push = await pushDisk({
      file,
      reference: `docker://${to}`,
      bases: [`docker://${bases[at]}`],
      registriesConf,
    }, world.machine());
    assertStringIncludes(push.why, "0 of ");
    await Deno.remove(world.path("out")).catch(() => undefined);
    await pullDisk({ reference: `docker://${to}`, file: world.path("out") }, world.machine());
    await world.holds("out", data);
  }
});

Deno.test("pullDisk() brings the layers of a Tart image from the registry where those of its mirror are wrong", async () => {
  await using world = await DiskWorld.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  const image = tartImage(data.subarray(0, 600_000), 300_000);
  const from = await putTart(world.path("store"), "1", image);
  for (const { host } of [origin, mirror]) {
    await syncImage({ from, to: `docker://${host}/acme/disk:1` }, world.machine());
  }
  mirror.faults.wrongBlob = 1000;
  const registriesConf = await mirrorConf(world, origin.host, mirror.host);
  const reference = `docker://${origin.host}/acme/disk:1`;
  const out = world.path("out");
  await pullDisk({ reference, file: out, registriesConf, concurrency: 1 }, world.machine());
  await world.holds("out", data.subarray(0, 600_000));
  assertEquals(world.notes.filter((note) => note.includes("fetching them elsewhere")).length, 1);
});

Deno.test("the disk tasks take mirrors of --mirror, --registries-conf and CONTAINERS_REGISTRIES_CONF", async () => {
  await using world = await DiskWorld.make();
  await using mirror = new FakeRegistry();
  await pushTo(world, mirror.host);
  const file = await mirrorConf(world, "nowhere.invalid", mirror.host);
  const ways: [string[], Record<string, string>][] = [
    [["--mirror", `nowhere.invalid=${mirror.host}`], {}],
    [["--registries-conf", file], {}],
    [[], { CONTAINERS_REGISTRIES_CONF: file }],
  ];
  const reference = "docker://nowhere.invalid/acme/disk:1";
  const commands = [
    ["disk:pull", reference, world.path("out")],
    ["disk:verify", reference, world.path("disk")],
    ["disk:inspect", reference],
    ["disk:diff", reference, reference],
    ["disk:push", world.path("disk"), `oci:${world.path("layout")}:1`, "--base", reference],
  ];
  for (const [at, command] of commands.entries()) {
    const [flags, env] = ways[at % 3]!;
    const cacheDir = world.path(`cache-of-${at}`);
    const { code, stderr } = await runKedge([...command, ...flags], { cacheDir, env });
    assertEquals(code, 0, stderr);
  }
});
