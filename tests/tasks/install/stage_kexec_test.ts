/** A kexec bundle is brought to a host and boots the installer there. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { targetArchitecture } from "../../../tasks/install/stage_kexec.ts";
import { writeProgram } from "../../support/program_file.ts";
import { startSshd } from "../../support/sshd.ts";
import { isThere } from "../../support/is_there.ts";
import { hostTest, machine, remote } from "../../support/kexec_host.ts";

const MiB = 1024 * 1024;

hostTest("stageKexec() brings the bundle to the host and boots it", async (world) => {
  const { sshd, notes } = world;
  const bundle = await world.bundle({ size: 3 * MiB });
  const plan = await world.stage(bundle, { kexecExtraFlags: "--a 'b c'" }, { dryRun: true });
  assertEquals(await isThere(join(sshd.home, "kexec")), false);
  const result = await world.stage(bundle, { kexecExtraFlags: "--a 'b c'" });
  assertEquals(result, {
    target: "root@127.0.0.1",
    path: remote(sshd, bundle.digest),
    digest: bundle.digest,
    size: bundle.size,
    architecture: `${machine}-linux`,
    booted: true,
    release: Deno.osRelease(),
    changed: true,
    bytesMoved: bundle.size,
    bytesReused: 0,
    requests: 5,
    why: "root@127.0.0.1 has nothing of the bundle",
    dryRun: false,
  });
  assertEquals(plan, { ...result, booted: false, dryRun: true });
  assertEquals(await Deno.readFile(result.path!), await Deno.readFile(bundle.path));
  assert(notes.includes("given: --kexec-extra-flags --a 'b c'"), notes.join("\n"));
  assert(notes.includes("TMPDIR is beside it: yes"));
});

hostTest("stageKexec() leaves a host alone that runs the installer", async (world) => {
  const bundle = await world.bundle();
  await world.stage(bundle);
  const again = await world.stage(bundle);
  assertEquals([again.changed, again.booted, again.bytesMoved, again.requests], [
    false,
    false,
    0,
    1,
  ]);
  assertEquals(again.why, "root@127.0.0.1 runs the installer already");
});

hostTest("stageKexec() only brings the bundle where it shall not boot", async (world) => {
  const bundle = await world.bundle({ compression: "zst", name: "b.tar.zst" });
  const first = await world.stage(bundle, { boot: false });
  assertEquals([first.booted, first.bytesMoved, first.requests], [false, bundle.size, 4]);
  assertEquals(first.path, remote(world.sshd, bundle.digest, ".tar.zst"));
  const again = await world.stage(bundle, { boot: false });
  assertEquals([again.changed, again.bytesMoved, again.bytesReused], [false, 0, bundle.size]);
});

hostTest("stageKexec() takes any path, here and there", async (world) => {
  const awkward = `it's "a" $(touch pwned) \`x\` \\ *;&|\n~ ü`;
  const bundle = await world.bundle({ name: `${awkward}.tar.gz` });
  const remoteFolder = join(world.sshd.home, awkward);
  const result = await world.stage(bundle, { remoteFolder });
  assertEquals(result.booted, true);
  const path = join(remoteFolder, `bundle-${bundle.digest.slice(7)}.tar.gz`);
  assertEquals(await Deno.readFile(path), await Deno.readFile(bundle.path));
  assertEquals(await isThere(join(world.sshd.home, "pwned")), false);
});

hostTest("stageKexec() leaves alone what else is in the folder there", async (world) => {
  const remoteFolder = join(world.folder, "var");
  const others = ["run/pid", "kexec/run", "bzImage"].map((name) => join(remoteFolder, name));
  for (const path of others) {
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, "somebody's");
  }
  const result = await world.stage(await world.bundle(), { remoteFolder });
  assertEquals(result.booted, true);
  for (const path of others) assertEquals(await Deno.readTextFile(path), "somebody's", path);
});

hostTest("stageKexec() of two at a time to one host comes to one bundle", async (world) => {
  const bundle = await world.bundle({ size: 6 * MiB });
  const results = await Promise.all([1, 2].map(() => world.stage(bundle, { boot: false })));
  for (const result of results) {
    assertEquals(await Deno.readFile(result.path!), await Deno.readFile(bundle.path));
  }
  assertEquals(results[0]!.path, results[1]!.path);
});

hostTest("stageKexec() brings one bundle to many hosts", async (world) => {
  await using other = await startSshd();
  const bundle = await world.bundle({ size: 2 * MiB });
  const results = await Promise.all([
    world.stage(bundle, { boot: false }),
    world.stage(bundle, { ...other.access, boot: false }),
  ]);
  for (const result of results) assertEquals(result.bytesMoved, bundle.size);
});

hostTest("stageKexec() is not confused by what a login shell says", async (world) => {
  const { home } = world.sshd;
  await Deno.writeTextFile(join(home, ".bashrc"), "echo kedge:welcome; printf 'no end of line'\n");
  const bundle = await world.bundle();
  assertEquals((await world.stage(bundle)).booted, true);
});

hostTest("targetArchitecture() asks the host", async ({ sshd, ctx }) => {
  assertEquals(await targetArchitecture(sshd.access, ctx), `${machine}-linux`);
  await writeProgram(join(sshd.bin, "uname"), "#!/bin/sh\necho riscv64\n");
  await assertRejects(() => targetArchitecture(sshd.access, ctx), KedgeError, '"riscv64"');
  await assertRejects(() => targetArchitecture(sshd.access, { ...ctx, offline: true }), UsageError);
});
