/** Hosts that cannot take or boot a bundle, options that are none, and what is said of them. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  KedgeError,
  NoRoomError,
  NotAllowedError,
  TimedOutError,
  UnreachableError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { stageKexec, type StageKexecOptions } from "../../../tasks/install/stage_kexec.ts";
import { writeProgram } from "../../support/program_file.ts";
import { findProgram } from "../../support/real.ts";
import { isThere } from "../../support/is_there.ts";
import { hostTest, machine, onHost } from "../../support/kexec_host.ts";

const MiB = 1024 * 1024;

hostTest(
  "stageKexec() refuses a bundle for another machine before it sends a byte",
  async (world) => {
    const other = machine === "x86_64" ? "aarch64" : "x86_64";
    const bundle = await world.bundle({ arch: other });
    await assertRejects(() => world.stage(bundle), VerificationError, `is for ${other}-linux`);
    assertEquals(await isThere(join(world.sshd.home, "kexec")), false);
  },
);

hostTest("stageKexec() says what kexec/run said when it fails", async (world) => {
  const bundle = await world.bundle({
    run: "#!/bin/sh\necho kexec_load failed: busy >&2\nexit 3\n",
  });
  await assertRejects(
    () => world.stage(bundle),
    KedgeError,
    "kexec/run ended with code 3: kexec_load failed: busy",
  );
});

hostTest("stageKexec() waits no longer for the installer than it may", async (world) => {
  const run = "#!/bin/sh\necho machine will boot into nixos in 6s...\n";
  const bundle = await world.bundle({ run });
  const error = await assertRejects(
    () => world.stage(bundle, { bootTimeout: 5000 }),
    TimedOutError,
    "it still runs what it ran before",
  );
  assertEquals(error.exitCode, 7);
});

hostTest("stageKexec() notices that another system than the installer booted", async (world) => {
  const run = `#!/bin/sh
echo 33333333-0000-4000-8000-000000000000 >'${world.sshd.bootIdFile}'
echo machine will boot into nixos in 6s...
`;
  const bundle = await world.bundle({ run });
  await assertRejects(() => world.stage(bundle), KedgeError, "which is not the installer");
});

hostTest("stageKexec() names what the host lacks", async (world) => {
  const bundle = await world.bundle();
  await writeProgram(
    join(world.sshd.bin, "uname"),
    '#!/bin/sh\n[ "$1" != -s ] || { echo FreeBSD; exit; }\nexec /bin/uname "$@"\n',
  );
  await assertRejects(() => world.stage(bundle), KedgeError, "it runs FreeBSD");
  await Deno.remove(join(world.sshd.bin, "uname"));
  await Deno.remove(join(world.sshd.bin, "cpio"));
  if (findProgram("cpio") === undefined) {
    await assertRejects(() => world.stage(bundle), KedgeError, "it lacks cpio");
  }
});

hostTest(
  "stageKexec() is refused by a host whose key is another, and without a key",
  async (world) => {
    const bundle = await world.bundle();
    const { folder, sshd } = world;
    const strange = join(folder, "known_hosts");
    const [name] = (await Deno.readTextFile(sshd.knownHosts)).split(" ");
    const key = (await Deno.readTextFile(`${sshd.identityFile}.pub`)).split(" ").slice(0, 2);
    await Deno.writeTextFile(strange, `${name} ${key.join(" ")}\n`);
    for (const acceptNewHostKey of [false, true]) {
      const error = await assertRejects(
        () => world.stage(bundle, { knownHosts: strange, acceptNewHostKey }),
        NotAllowedError,
        "its host key is not the known one",
      );
      assertEquals(error.exitCode, 5);
    }
    await assertRejects(
      () => world.stage(bundle, { identityFile: join(folder, "none") }),
      NotAllowedError,
      "Permission denied",
    );
    await assertRejects(() => world.stage(bundle, { port: 1 }), UnreachableError);
  },
);

hostTest("stageKexec() takes the key of a new host where it may", async (world) => {
  const knownHosts = join(world.folder, "new known hosts");
  const bundle = await world.bundle();
  await assertRejects(() => world.stage(bundle, { knownHosts }), NotAllowedError);
  await world.stage(bundle, { knownHosts, acceptNewHostKey: true });
  assertStringIncludes(await Deno.readTextFile(knownHosts), "ssh-ed25519");
});

hostTest("stageKexec() becomes root by sudo where the user is not", async (world) => {
  const { sshd, folder } = world;
  const bundle = await world.bundle();
  await onHost(sshd, "id", "echo 1000");
  await onHost(sshd, "sudo", "exit 1");
  await onHost(sshd, "doas", "exit 1");
  const error = await assertRejects(() => world.stage(bundle), NotAllowedError, "become root");
  assertEquals(error.exitCode, 5);
  await onHost(sshd, "sudo", `printf '%s\\n' "$*" >>'${folder}/sudo'; shift; exec "$@"`);
  assertEquals((await world.stage(bundle)).booted, true);
  const work = join(sshd.home, "kexec", "kedge-run");
  const lines = (await Deno.readTextFile(join(folder, "sudo"))).trim().split("\n");
  assertEquals(lines.slice(0, 3).map((line) => line.trim()), [
    "-n true",
    `-n rm -rf -- ${work}`,
    `-n env TMPDIR=${work} setsid --wait ${work}/kexec/run --kexec-extra-flags`,
  ]);
});

hostTest("stageKexec() finds out before the transfer that the host has no room", async (world) => {
  const bundle = await world.bundle({ size: 2 * MiB });
  const df = (blocks: number, free: number) =>
    onHost(world.sshd, "df", `echo header; echo "/dev/vda1 ${blocks} 0 ${free} 50% /"`);
  await df(10_000, 3000);
  const error = await assertRejects(() => world.stage(bundle), NoRoomError, "2.9 MiB are free");
  assertEquals(error.exitCode, 8);
  assertEquals(await isThere(join(world.sshd.home, "kexec")), false);
  await world.stage(bundle, { boot: false });
  await df(0, 0);
  assertEquals((await world.stage(bundle)).booted, true);
});

hostTest("stageKexec() says that the host's disk got full meanwhile", async (world) => {
  const bundle = await world.bundle({ size: 2 * MiB });
  const script = `[ $# -eq 0 ] || exec /bin/cat "$@"
echo "cat: write error: No space left on device" >&2; exit 1`;
  await onHost(world.sshd, "cat", script);
  await assertRejects(() => world.stage(bundle), NoRoomError, "No space left on device");
});

for (
  const [what, options, message] of [
    ["a bundle without a suffix", { bundle: "/b" }, "it has no known suffix"],
    ["a target that is a flag", { target: "-oProxyCommand=x" }, "it names no host"],
    ["a target with a space", { target: "root@a b" }, "it names no host"],
    ["a port that is none", { port: 0 }, "it is not a number from 1 to 65535"],
    ["a port for later that is none", { postKexecSshPort: 70000 }, "it is not a number"],
    ["an ssh option that is none", { sshOptions: ["-v"] }, "it is not NAME=VALUE"],
    ["a relative folder", { remoteFolder: "kexec" }, "it is not an absolute path"],
    ["a time that is none", { bootTimeout: -1 }, "it is not a time"],
  ] as [string, Partial<StageKexecOptions>, string][]
) {
  Deno.test(`stageKexec() refuses ${what}`, async () => {
    const given = { target: "root@host", bundle: "/b.tar.gz", ...options };
    const error = await assertRejects(() => stageKexec(given), UsageError);
    assertMatch(error.message, /^Cannot use /);
    assertStringIncludes(error.message, message);
  });
}
