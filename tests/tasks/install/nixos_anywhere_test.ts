/** An installation by nixos-anywhere: what the program is given, and how it ends. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { ifThere } from "../../../lib/base/files.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { nixosAnywhere } from "../../../tasks/install/nixos_anywhere.ts";
import type { NixosAnywhereOptions } from "../../../tasks/install/nixos_anywhere_options.ts";
import { makeBundle } from "../../support/bundle.ts";
import { fakeNixosAnywhere } from "../../support/fake_nixos_anywhere.ts";
import { startOrigin } from "../../support/origin.ts";
import { realTest } from "../../support/real.ts";
import { startSshd } from "../../support/sshd.ts";
import { fakeTest } from "../../support/installation.ts";

fakeTest("nixosAnywhere() runs the program with the flags of its options", {}, async (world) => {
  const bundle = await makeBundle(join(world.folder, "b.tar.gz"));
  const [extraFiles, key] = [join(world.folder, "extra"), join(world.folder, "disk")];
  await Deno.mkdir(extraFiles);
  await Deno.writeTextFile(key, "key");
  const result = await world.install({
    kexec: bundle.path,
    port: 2222,
    identityFile: "/keys/id",
    sshOptions: ["ProxyJump=gate"],
    postKexecSshPort: 22,
    forceKexec: true,
    kexecExtraFlags: "--no-sync --x",
    sshStoreSettings: { compress: "true" },
    copyHostKeys: true,
    extraFiles,
    chown: { "/home/ada": "1000:100" },
    diskEncryptionKeys: { "/tmp/disk.key": key },
    substituteOnDestination: false,
    useMachineSubstituters: false,
    nixOptions: { cores: "4" },
    from: "https://cache.acme.dev",
    buildOn: "remote",
    diskoMode: "format",
    diskoDeps: false,
    generateHardwareConfig: { backend: "nixos-facter", path: "facter.json" },
    printBuildLogs: true,
    debug: true,
    showTrace: true,
  });
  const { args } = await world.fake.onlyCall();
  assertEquals(
    args,
    [
      ["--flake", ".#web1"],
      ["--target-host", "root@web1", "--ssh-port", "2222", "-i", "/keys/id"],
      ["--ssh-option", "ProxyJump=gate"],
      [
        "--kexec",
        bundle.path,
        "--force-kexec",
        "--force-kexec",
        "--kexec-extra-flags",
        "--no-sync --x",
      ],
      ["--post-kexec-ssh-port", "22", "--ssh-store-setting", "compress", "true"],
      ["--copy-host-keys", "--extra-files", extraFiles, "--chown", "/home/ada", "1000:100"],
      ["--disk-encryption-keys", "/tmp/disk.key", key],
      ["--no-substitute-on-destination", "--no-use-machine-substituters"],
      ["--option", "cores", "4", "--from", "https://cache.acme.dev"],
      ["--build-on", "remote", "--disko-mode", "format", "--no-disko-deps"],
      ["--generate-hardware-config", "nixos-facter", "facter.json"],
      ["--print-build-logs", "--debug", "--show-trace"],
    ].flat(),
  );
  assertEquals(result.command, [world.fake.program, ...args]);
  assertEquals(result.phases, ["kexec", "disko", "install", "reboot"]);
  assertEquals([result.changed, result.bytesMoved, result.dryRun], [true, 0, false]);
});

fakeTest("nixosAnywhere() names the phases that are wanted, in their order", {}, async (world) => {
  await world.install({ phases: ["install", "disko"], kexecExtraFlags: "--x" });
  const { args } = await world.fake.onlyCall();
  assertEquals(args.slice(-2), ["--phases", "disko,install"]);
});

fakeTest(
  "nixosAnywhere() hands secrets over by environment and files, and shows none",
  {
    script: `
echo "the password is $SSHPASS and base64 $(printf %s "$SSHPASS" | base64)"
printf '%s' "$SSH_PRIVATE_KEY" | tail -n 2 >&2
for arg; do case "$arg" in /proc/*/fd/*|*kedge-keys*) cat "$arg"; echo; stat -Lc 'mode %a' "$arg"; readlink "$arg" >"$(dirname "$0")/key";; esac; done
printf 'half a line: %s' "$SSHPASS"; sleep 0.1; echo`,
  },
  async ({ install, fake, notes, events, folder }) => {
    const password = "correct horse battery";
    await Deno.writeTextFile(join(folder, "password"), `${password}\n`);
    await Deno.writeTextFile(
      join(folder, "key"),
      "-----BEGIN\nc2VjcmV0a2V5bWF0ZXJpYWw\n-----END\n",
    );
    await install({
      password: { file: join(folder, "password") },
      sshPrivateKey: { file: join(folder, "key") },
      diskEncryptionKeys: { "/tmp/disk.key": { command: ["printf", "disk secret"] } },
    });
    const { args, env } = await fake.onlyCall();
    assertEquals(env.SSHPASS, password);
    assertStringIncludes(env.SSH_PRIVATE_KEY!, "c2VjcmV0a2V5bWF0ZXJpYWw");
    assert(args.includes("--env-password"));
    const file = args[args.indexOf("/tmp/disk.key") + 1]!;
    const key = (await Deno.readTextFile(join(fake.bin, "key"))).trim();
    // Where the number is that of another file by now, it is not of this one.
    assertNotEquals(await ifThere(Deno.readLink(file)), key);
    assert(notes.includes("mode 600"), notes.join("\n"));
    for (const secret of [password, btoa(password), "c2VjcmV0a2V5bWF0ZXJpYWw", "disk secret"]) {
      assertEquals(args.filter((arg) => arg.includes(secret)), []);
      assertEquals(notes.filter((note) => note.includes(secret)), [], secret);
      assert(!JSON.stringify(events).includes(secret));
    }
    assert(notes.includes("half a line: [redacted]"), notes.join("\n"));
  },
);

fakeTest("nixosAnywhere() reads the secrets before it starts", {}, async ({ install, fake }) => {
  await assertRejects(
    () => install({ password: { env: "KEDGE_TEST_UNSET" } }),
    UsageError,
    "the environment variable is not set",
  );
  assertEquals(await fake.calls(), []);
});

fakeTest(
  "nixosAnywhere() says what the program said last when it fails",
  {
    code: 3,
    script: "echo working; printf '\\033[31maborted: no tar command found\\033[0m\\n' >&2",
  },
  async ({ install, notes }) => {
    const error = await assertRejects(
      () => install(),
      KedgeError,
      'Cannot install "root@web1": nixos-anywhere ended with code 3',
    );
    assertEquals([error.exitCode, error.data.code], [1, 3]);
    assert(notes.includes("aborted: no tar command found"));
  },
);

fakeTest(
  "nixosAnywhere() ends the program with all that it started",
  {
    script: `
trap 'echo refusing to end' TERM
setsid sleep 987 &
echo "$!" >"$(dirname "$0")/sleeper"
sleep 986 & wait; sleep 985 & wait`,
  },
  async ({ install, fake }) => {
    const stop = new AbortController();
    const running = install({}, { signal: stop.signal });
    const sleeper = join(fake.bin, "sleeper");
    while (!await Deno.stat(sleeper).then((info) => info.size > 1, () => false)) {
      await delay(10);
    }
    stop.abort(new Error("enough"));
    await assertRejects(() => running, Error, "enough");
    const pid = (await Deno.readTextFile(sleeper)).trim();
    const alive = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    assert(!alive.includes("sleep"), `process ${pid} is alive`);
  },
);

fakeTest("nixosAnywhere() says that a program is missing", {}, async ({ install, folder }) => {
  await assertRejects(
    () => install({ program: join(folder, "none") }),
    KedgeError,
    "there is no such program",
  );
});

fakeTest(
  "nixosAnywhere() tests in a virtual machine without a host or a question",
  {},
  async (world) => {
    const result = await nixosAnywhere({
      flake: ".#web1",
      vmTest: true,
      program: world.fake.program,
      confirm: () => false,
    }, world.ctx);
    assertEquals(result.command.slice(1), ["--flake", ".#web1", "--vm-test"]);
  },
);

fakeTest("nixosAnywhere() does not install offline", {}, async ({ install }) => {
  await assertRejects(() => install({}, { offline: true }), UsageError, "offline");
});

realTest("nixosAnywhere() stages the bundle itself and leaves the rest to the program", [
  "sshd",
  "ssh",
  ...(Deno.uid() === 0 ? [] : ["root"]),
], async () => {
  await using sshd = await startSshd();
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  const fake = await fakeNixosAnywhere(folder);
  const run = `#!/bin/sh
echo 22222222-0000-4000-8000-000000000000 >'${sshd.bootIdFile}'
printf 'ID=nixos\\nVARIANT_ID=installer\\n' >'${sshd.osReleaseFile}'
echo "machine will boot into nixos in 6s..."
`;
  const bundle = await makeBundle(join(folder, "b.tar.gz"), {
    arch: Deno.build.arch,
    files: { run: new TextEncoder().encode(run) },
  });
  const options: NixosAnywhereOptions = {
    flake: ".#web1",
    ...sshd.access,
    postKexecSshPort: sshd.port,
    kexec: bundle.path,
    stage: true,
    program: fake.program,
  };
  const ctx = { cache: new Cache(join(folder, "cache")) };
  const plan = await nixosAnywhere(options, { ...ctx, dryRun: true });
  assertEquals(await fake.calls(), []);
  for (
    const [wrong, state] of [
      [{ program: join(folder, "none") }, "there is no such program"],
      [{ extraFiles: join(folder, "none") }, "they are not there"],
      [{ extraFiles: bundle.path }, "it is not a folder"],
      [{ flake: undefined, storePaths: [folder, join(folder, "none")] }, "it is not there"],
      [{ diskEncryptionKeys: { "/tmp/k": join(folder, "none") } }, "it is not there"],
      [{ diskEncryptionKeys: { "/tmp/k": { file: folder } } }, "it is a folder"],
      [{ diskEncryptionKeys: { "/tmp/k": { env: "KEDGE_TEST_UNSET" } } }, "is not set"],
    ] as [Partial<NixosAnywhereOptions>, string][]
  ) await assertRejects(() => nixosAnywhere({ ...options, ...wrong }, ctx), KedgeError, state);
  // What is wrong here is found out before the host is touched.
  assertEquals(await Array.fromAsync(Deno.readDir(sshd.home)), []);
  await using origin = startOrigin({ "/b.tar.gz": { body: await Deno.readFile(bundle.path) } });
  const unfetched = await cacheKexec({ url: origin.url("/b.tar.gz") }, { ...ctx, dryRun: true });
  const early = await nixosAnywhere({ ...options, kexec: unfetched.path }, {
    ...ctx,
    dryRun: true,
  });
  assertEquals([early.staged?.size, early.bytesMoved], [bundle.size, bundle.size]);
  const result = await nixosAnywhere(options, ctx);
  const { args } = await fake.onlyCall();
  assertEquals(
    args,
    [
      ["--flake", ".#web1", "--target-host", "root@127.0.0.1", "--ssh-port", String(sshd.port)],
      ["-i", sshd.identityFile, "--phases", "disko,install,reboot"],
    ].flat(),
  );
  assertEquals([result.staged?.booted, result.bytesMoved], [true, bundle.size]);
  assertEquals(plan.command, result.command);
  for (const figure of ["bytesMoved", "bytesReused", "requests", "why", "changed"] as const) {
    assertEquals(plan[figure], result[figure]);
  }
  const again = await nixosAnywhere(options, ctx);
  assertEquals([again.staged?.booted, again.bytesMoved, again.changed], [false, 0, true]);
  await Deno.remove(folder, { recursive: true });
});
