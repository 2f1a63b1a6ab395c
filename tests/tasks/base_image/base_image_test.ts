/** A base image is pinned, planned, kept and brought to places. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { UnreachableError, UsageError } from "../../../lib/base/errors.ts";
import { Lockfile } from "../../../lib/cache/lockfile.ts";
import { fakeDocker } from "../../support/fake_docker.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { treeOf } from "../../support/tree.ts";
import { foreign, registry, Room } from "../../support/base_image_room.ts";
import { removeTree } from "../../support/remove_tree.ts";

realTest("baseImage() pins the image of this machine's own Nix", [...registry, "nix"], async () => {
  await using room = await Room.make();
  const digest = await room.push("2.8.0", { label: "2.8.0" }, {
    label: "2.8.0",
    platform: foreign,
  });
  await room.push("2.9.1", { label: "2.9.1" });
  const found = await room.run();
  assertEquals(found.reference, `docker://${room.repository}:2.8.0@${digest}`);
  assertEquals([found.nixVersion, found.wantedVersion], ["2.8.0", "2.8.0"]);
  assertEquals([found.changed, found.bytesMoved], [true, 0]);
});

realTest(
  "baseImage() asks nobody the second time, and with one HEAD when it must",
  registry,
  async () => {
    await using room = await Room.make();
    await room.push("2.8.0", { label: "2.8.0" });
    const first = await room.run({ nixVersion: "2.8.0" });
    const second = await room.run({ nixVersion: "2.8.0" });
    assertEquals([first.requests, second.requests, second.changed], [3, 0, false]);
    const before = (await room.registry.accesses()).length;
    const refreshed = await room.run({ nixVersion: "2.8.0" }, { refresh: "all" });
    const accesses = (await room.registry.accesses()).slice(before);
    assertEquals(accesses, ["HEAD /v2/nixos/nix/manifests/2.8.0 200"]);
    assertEquals([refreshed.requests, refreshed.changed], [1, false]);
    assertEquals(refreshed.digest, first.digest);
  },
);

realTest("a dry run of baseImage() writes nothing and foresees the figures", registry, async () => {
  await using room = await Room.make();
  await room.push("2.8.0", { label: "2.8.0" });
  const planned = await room.run({ nixVersion: "2.8.0" }, { dryRun: true });
  assertEquals((await treeOf(room.cacheDir)).size, 0);
  const done = await room.run({ nixVersion: "2.8.0" });
  assertEquals({ ...planned, dryRun: false }, done);
});

realTest("kedge.lock holds a base image to its digest until it may move", registry, async () => {
  await using room = await Room.make();
  const first = await room.push("2.8.0", { label: "2.8.0", layers: ["a"] });
  const path = join(room.folder, "kedge.lock");
  const nixVersion = "2.8.0";
  await room.run({ nixVersion }, { lockfile: new Lockfile(path) });
  const second = await room.push("2.8.0", { label: "2.8.0", layers: ["b"] });
  await removeTree(room.cacheDir);
  const held = await room.run({ nixVersion }, { lockfile: new Lockfile(path, { frozen: true }) });
  assertEquals(held.digest, first);
  const moved = await room.run({ nixVersion }, { lockfile: new Lockfile(path, { update: "all" }) });
  assertEquals([moved.digest, moved.changed], [second, true]);
  await assertRejects(
    () => room.run({ nixVersion: "2.9.0" }, { lockfile: new Lockfile(path, { frozen: true }) }),
    UsageError,
  );
});

realTest(
  "baseImage() works offline with what it knows, and says what it does not",
  registry,
  async () => {
    await using room = await Room.make();
    await room.push("2.8.0", { label: "2.8.0" });
    await assertRejects(
      () => room.run({ nixVersion: "2.8.0" }, { offline: true }),
      UnreachableError,
    );
    const known = await room.run({ nixVersion: "2.8.0" });
    const offline = await room.run({ nixVersion: "2.8.0" }, { offline: true });
    assertEquals([offline.digest, offline.requests], [known.digest, 0]);
    assertMatch(offline.why, /^its digest is known since \d{4}-\d\d-\d\dT[\d:.]+Z$/);
  },
);

realTest("baseImage() brings the image into an engine, once", registry, async () => {
  await using room = await Room.make();
  await room.push("2.8.0", { label: "2.8.0" });
  const engines = { docker: { program: await fakeDocker(room.folder) } };
  const run = async () =>
    await room.run({ nixVersion: "2.8.0", to: "docker-daemon:acme/nix:base", engines });
  const first = await run();
  assertEquals(first.bytesMoved > first.size, true);
  assertStringIncludes(first.copy ?? "", "docker-daemon:acme/nix:base");
  const { names } = JSON.parse(await Deno.readTextFile(join(room.folder, "state")));
  assertEquals(names, { "acme/nix:base": first.configDigest });
  const again = await run();
  assertEquals([again.changed, again.bytesMoved, again.bytesReused], [false, 0, again.size]);
});

realTest("base-image prints the pinned image, and brings it to a layout", registry, async () => {
  await using room = await Room.make();
  const digest = await room.push("2.8.0", { label: "2.8.0" });
  const args = ["base-image", "--nix-version=2.8.0", `--repository=${room.repository}`];
  const to = `--to=oci:${join(room.folder, "layout")}:base`;
  const { code, stdout, stderr } = await runKedge([...args, to], { cacheDir: room.cacheDir });
  assertEquals([code, stdout], [0, `${room.repository}:2.8.0@${digest}\n`], stderr);
  const again = await runKedge([...args, to, "--json"], { cacheDir: room.cacheDir });
  const last = JSON.parse(again.stdout.trim().split("\n").at(-1)!);
  assertEquals([last.value.changed, last.value.bytesMoved], [false, 0]);
});
