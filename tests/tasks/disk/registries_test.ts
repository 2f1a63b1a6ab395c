/** What a registries.conf says of a registry holds for its disks too. @module */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { pullDisk, pushDisk, verifyDisk } from "../../../tasks/disk/disk.ts";
import { diffDisks, inspectDisk } from "../../../tasks/disk/inspect.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { runKedge } from "../../support/program.ts";

const data = noise(500_000);

Deno.test("no disk task asks a registry that is blocked", async () => {
  await using world = await DiskWorld.make();
  await using registry = new FakeRegistry();
  const reference = `docker://${registry.host}/acme/disk:1`;
  const file = await world.write("disk", data);
  const registriesConf = world.path("registries.conf");
  await Deno.writeTextFile(
    registriesConf,
    `[[registry]]\nlocation = "${registry.host}/acme"\nblocked = true\n`,
  );
  await pushDisk({ file, reference }, world.machine());
  const asked = registry.requests.length;
  const message =
    `Cannot use "${registry.host}/acme/disk": the registries' configuration blocks it`;
  const [machine, to] = [world.machine(), world.path("out")];
  const tries = [
    () => pushDisk({ file, reference, registriesConf }, machine),
    () => pullDisk({ reference, file: to, registriesConf }, machine),
    () => verifyDisk({ reference, file, registriesConf }, machine),
    () => verifyDisk({ reference, file, repair: true, registriesConf }, machine),
    () => inspectDisk({ reference, registriesConf }, machine),
    () => diffDisks({ from: reference, to: reference, registriesConf }, machine),
    () =>
      pushDisk(
        { file, reference: `oci:${world.path("layout")}`, bases: [reference], registriesConf },
        machine,
      ),
  ];
  for (const attempt of tries) await assertRejects(attempt, UsageError, message);
  const commands = [
    ["disk:push", file, reference],
    ["disk:pull", reference, to],
    ["disk:verify", reference, file],
    ["disk:inspect", reference],
    ["disk:diff", reference, reference],
  ];
  const ways: [string[], Record<string, string>][] = [
    [["--registries-conf", registriesConf], {}],
    [[], { CONTAINERS_REGISTRIES_CONF: registriesConf }],
  ];
  for (const [at, command] of commands.entries()) {
    const [flags, env] = ways[at % 2]!;
    const { code, stderr } = await runKedge([...command, ...flags], {
      cacheDir: world.path("cache"),
      env,
    });
    assertStringIncludes(stderr, message);
    assertEquals(code, 2);
  }
  assertEquals(registry.requests.length, asked);
});

Deno.test("a disk is read where a registries.conf says that its registry is", async () => {
  await using world = await DiskWorld.make();
  await using registry = new FakeRegistry();
  const file = await world.write("disk", data);
  const reference = "docker://disks.invalid/acme/disk:1";
  const registriesConf = world.path("registries.conf");
  await Deno.writeTextFile(
    registriesConf,
    `[[registry]]\nprefix = "disks.invalid"\nlocation = "${registry.host}/far"\n`,
  );
  const { digest } = await pushDisk(
    { file, reference: `docker://${registry.host}/far/acme/disk:1` },
    world.machine(),
  );
  const there = world.machine();
  const pulled = await pullDisk({ reference, file: world.path("out"), registriesConf }, there);
  await world.holds("out", data);
  assertEquals(pulled.reference, `${reference}@${digest}`);
  await verifyDisk({ reference, file, registriesConf }, there);
});
