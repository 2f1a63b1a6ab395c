import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import * as fc from "fast-check";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { ifThere } from "../../../lib/base/files.ts";
import { Redactor } from "../../../lib/base/redactor.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { nixosAnywhere } from "../../../tasks/install/nixos_anywhere.ts";
import { nixosAnywhereFlags } from "../../../tasks/install/nixos_anywhere_flags.ts";
import type { NixosAnywhereOptions } from "../../../tasks/install/nixos_anywhere_options.ts";
import {
  nixosAnywhereProgram,
  nixosAnywhereRevision,
} from "../../../tasks/install/nixos_anywhere_program.ts";
import { makeBundle } from "../../support/bundle.ts";
import {
  type FakeBehaviour,
  type FakeNixosAnywhere,
  fakeNixosAnywhere,
} from "../../support/fake_nixos_anywhere.ts";
import { startOrigin } from "../../support/origin.ts";
import { runKedge } from "../../support/program.ts";
import { writeProgram } from "../../support/program_file.ts";
import { findProgram, realTest } from "../../support/real.ts";
import { startSshd } from "../../support/sshd.ts";

interface World {
  folder: string;
  fake: FakeNixosAnywhere;
  notes: string[];
  events: OperationEvent[];
  ctx: TaskContextOptions;
  install(
    options?: Partial<NixosAnywhereOptions>,
    ctx?: TaskContextOptions,
  ): ReturnType<typeof nixosAnywhere>;
}

function fakeTest(
  name: string,
  behaviour: FakeBehaviour,
  run: (world: World) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
    const fake = await fakeNixosAnywhere(folder, behaviour);
    const notes: string[] = [];
    const events: OperationEvent[] = [];
    const ctx: TaskContextOptions = {
      cache: new Cache(join(folder, "cache")),
      redactor: new Redactor(),
      report: (event) => {
        events.push(event);
        if (event.type === "note") notes.push(event.message);
      },
    };
    const install: World["install"] = (options = {}, more = {}) =>
      nixosAnywhere({
        flake: ".#web1",
        target: "root@web1",
        program: fake.program,
        ...options,
      }, { ...ctx, ...more });
    try {
      await run({ folder, fake, notes, events, ctx, install });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

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

fakeTest("nixosAnywhere() shows the command in a dry run, and runs nothing", {}, async (world) => {
  const result = await world.install({
    flake: "./my flake#web1",
    password: { env: "KEDGE_TEST_UNSET" },
    diskEncryptionKeys: { "/tmp/k": { env: "KEDGE_TEST_UNSET" } },
    confirm: () => false,
  }, { dryRun: true });
  assertEquals(await world.fake.calls(), []);
  assertEquals(world.notes, [
    `$ '${world.fake.program}' --flake './my flake#web1' --target-host root@web1 --env-password ` +
    `--disk-encryption-keys /tmp/k '[secret KEDGE_TEST_UNSET]'`,
  ]);
  assertEquals([result.dryRun, result.changed], [true, true]);
});

fakeTest(
  "nixosAnywhere() takes a bundle that is still to be fetched, in a dry run alone",
  {},
  async ({ install, folder, fake }) => {
    const kexec = join(folder, "none.tar.gz");
    const result = await install({ kexec }, { dryRun: true });
    assert(result.command.includes(kexec));
    await assertRejects(() => install({ kexec }), UsageError, "there is no such file");
    assertEquals(await fake.calls(), []);
  },
);

fakeTest("nixosAnywhere() asks before it does anything", {}, async ({ install, fake }) => {
  const questions: string[] = [];
  const error = await assertRejects(
    () => install({ confirm: (question) => questions.push(question) > 99 }),
    KedgeError,
    'Cannot install "root@web1": it was not confirmed',
  );
  assertEquals(error.exitCode, 1);
  assertEquals(questions, ["Install .#web1 on root@web1? This erases its disks."]);
  assertEquals(await fake.calls(), []);
  await install({ confirm: () => Promise.resolve(true) });
  assertEquals((await fake.calls()).length, 1);
});

fakeTest("nixosAnywhere() asks about what it does to the disks", {}, async ({ install, fake }) => {
  const questions: string[] = [];
  const confirm = (question: string) => questions.push(question) > 0;
  for (
    const options of [{ diskoMode: "format" }, { diskoMode: "mount" }, {
      phases: ["install", "reboot"],
    }] as const
  ) await install({ ...options, confirm });
  assertEquals(questions, [
    "Install .#web1 on root@web1? This erases its disks.",
    "Install .#web1 on root@web1? Its disks are mounted as they are.",
    "Run the phases install, reboot for .#web1 on root@web1?",
  ]);
  assertEquals((await fake.calls()).length, 3);
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

Deno.test("nixosAnywhereProgram() takes the program that is named, and nix run for a revision", async () => {
  assertEquals(await nixosAnywhereProgram({ program: "./it" }), ["./it"]);
  if (findProgram("nix") === undefined) return;
  const command = await nixosAnywhereProgram({ revision: "1.9.0" });
  assertEquals(command.slice(-3), ["run", "github:nix-community/nixos-anywhere/1.9.0", "--"]);
});

Deno.test("nixosAnywhereProgram() looks on PATH, then for nix, then says so", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  const fake = await fakeNixosAnywhere(folder);
  const module = new URL("../../../tasks/install/nixos_anywhere_program.ts", import.meta.url);
  const ask = async (path: string) => {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `const { nixosAnywhereProgram } = await import(${JSON.stringify(module.href)});
         await nixosAnywhereProgram({}).then((it) => console.log(JSON.stringify(it)), (error) => console.log(error.message));`,
      ],
      cwd: new URL("../../..", import.meta.url),
      env: { PATH: path },
    }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  assertEquals(await ask(`/nowhere:${fake.bin}`), JSON.stringify([fake.program]));
  assertEquals(await ask("/nowhere"), "Cannot run nixos-anywhere: neither it nor nix is on PATH");
  await writeProgram(join(folder, "nix"), "#!/bin/sh\n");
  assertStringIncludes(await ask(folder), `nixos-anywhere/${nixosAnywhereRevision}`);
  await Deno.remove(folder, { recursive: true });
});

for (
  const [what, options, message] of [
    ["neither flake nor store paths", { flake: undefined }, "neither a flake nor storePaths"],
    ["a flake and store paths", { storePaths: ["/a", "/b"] }, "storePaths is given too"],
    ["a flake without a system", { flake: "." }, "it names no system"],
    ["no target", { target: undefined }, "no target is given"],
    ["a target that is a flag", { target: "--help" }, "it names no host"],
    ["a target as a URL", { target: "ssh://root@host" }, "it names no host"],
    ["an unknown phase", { phases: ["format"] }, "there is none of that name"],
    ["no phase", { phases: [] }, "no phase is given"],
    ["a bundle without a suffix", { kexec: "/tmp/bundle" }, "it has none that is known"],
    ["stage without a bundle", { stage: true }, "no kexec bundle is given"],
    ["stage with a password", { stage: true, kexec: "/b.tar", password: { env: "X" } }, "login"],
    ["stage without kexec", { stage: true, kexec: "/b.tar", phases: ["disko"] }, "left out"],
    [
      "a key path with a space",
      { diskEncryptionKeys: { "/tmp/a b": "/k" } },
      "plain absolute path",
    ],
    ["a key path with a command", { diskEncryptionKeys: { "/tmp/$(x)": "/k" } }, "plain absolute"],
    ["a revision that is none", { revision: "a b" }, "it is no revision"],
    ["a NUL", { extraFiles: "a\0b" }, "it is no text for a command line"],
    ["vmTest with extra files", { vmTest: true, extraFiles: "/e" }, "does not go with extraFiles"],
    ["a disko mode with store paths", {
      flake: undefined,
      storePaths: ["/a", "/b"],
      diskoMode: "mount",
    }, "storePaths names the disko script already"],
  ] as [string, Record<string, unknown>, string][]
) {
  fakeTest(`nixosAnywhere() refuses ${what}`, {}, async ({ install, fake }) => {
    const error = await assertRejects(() => install(options as never), UsageError);
    assertStringIncludes(error.message, message);
    assertEquals(await fake.calls(), []);
  });
}

fakeTest("nixosAnywhere() does not install offline", {}, async ({ install }) => {
  await assertRejects(() => install({}, { offline: true }), UsageError, "offline");
});

Deno.test("nixosAnywhereFlags() gives an address without the brackets that ssh does not know", () => {
  const target = "root@[2001:db8::7]";
  assertEquals(nixosAnywhereFlags({}, { target }, ["disko"], () => "").slice(0, 2), [
    "--target-host",
    "root@2001:db8::7",
  ]);
});

Deno.test("nixosAnywhereFlags() keeps each value one argument, whatever is in it", () => {
  const text = fc.string({ minLength: 1 });
  fc.assert(fc.property(text, text, text, (flags, key, value) => {
    const args = nixosAnywhereFlags(
      { kexecExtraFlags: flags, nixOptions: { [key]: value }, extraFiles: value },
      { target: "root@web1" },
      ["kexec", "disko", "install", "reboot"],
      () => "",
    );
    assertEquals(args, [
      "--target-host",
      "root@web1",
      "--kexec-extra-flags",
      flags,
      "--extra-files",
      value,
      "--option",
      key,
      value,
    ]);
  }));
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
      [{ extraFiles: bundle.path }, "it is no folder"],
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

fakeTest(
  "kedge nixos-anywhere wants to be confirmed, and hands its flags over",
  {},
  async (world) => {
    const bundle = await makeBundle(join(world.folder, "b.tar.gz"));
    const kedge = (...args: string[]) =>
      runKedge(
        [
          "nixos-anywhere",
          ...["--flake", ".#web1", "--target", "root@web1", "--kexec", bundle.path],
          ...["--chown", "/home/ada=1000:100", "--phases", "disko", "--without-disko-deps"],
          ...["--program", world.fake.program, ...args],
        ],
        { cacheDir: join(world.folder, "cache") },
      );
    const declined = await kedge();
    assertEquals(declined.code, 1);
    assertStringIncludes(declined.stderr, "Install .#web1 on root@web1? This erases its disks.");
    const plan = await kedge("--dry-run");
    assertEquals(plan.code, 0, plan.stderr);
    assertStringIncludes(plan.stderr, "--flake '.#web1' --target-host root@web1");
    assertEquals(await world.fake.calls(), []);
    const ran = await kedge("--yes", "--json");
    assertEquals(ran.code, 0, ran.stderr);
    assertEquals((await world.fake.onlyCall()).args, [
      ...["--flake", ".#web1", "--target-host", "root@web1", "--phases", "disko"],
      ...["--chown", "/home/ada", "1000:100", "--no-disko-deps"],
    ]);
    const result = JSON.parse(ran.stdout.trim().split("\n").at(-1)!);
    assertEquals([result.ok, result.value.phases], [true, ["disko"]]);
  },
);

Deno.test("kedge nixos-anywhere asks nobody about an installation that it refuses", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  for (
    const [args, state] of [
      [[], "neither a flake nor storePaths is given"],
      [["--flake", ".#web1", "--stage", "--phases", "disko"], "the phase kexec is left out"],
      [["--flake", ".#web1", "--stage", "--password-env", "X"], "staged by a login with a key"],
    ] as [string[], string][]
  ) {
    const { code, stderr } = await runKedge(
      ["nixos-anywhere", "--target", "root@host.invalid", ...args],
      { cacheDir: join(folder, "cache") },
    );
    assertEquals([code, stderr.includes("erases")], [2, false], stderr);
    assertStringIncludes(stderr, state);
  }
  await Deno.remove(folder, { recursive: true });
});

fakeTest(
  "kedge nixos-anywhere --vm-test asks for no confirmation, and no host for anything",
  {},
  async ({ folder, fake }) => {
    for (const host of [[], ["--target", "root@host.invalid"]]) {
      const { code, stderr } = await runKedge([
        ...["nixos-anywhere", "--vm-test", "--flake", ".#web1"],
        ...["--program", fake.program, "--offline", ...host],
      ], { cacheDir: join(folder, "cache") });
      assertEquals(code, 0, stderr);
      const { args } = (await fake.calls()).at(-1)!;
      const expected = host.length === 0 ? [] : ["--target-host", "root@host.invalid"];
      assertEquals(args, ["--flake", ".#web1", ...expected, "--vm-test"]);
    }
  },
);

for (
  const { what, args, env, code, state } of [
    {
      what: "neither a flake nor store paths",
      args: [],
      env: {} as Record<string, string>,
      code: 2,
      state: "neither a flake nor storePaths is given",
    },
    {
      what: "no network",
      args: ["--flake", ".#web1", "--offline"],
      env: {} as Record<string, string>,
      code: 2,
      state: 'Cannot install "root@host.invalid" offline\nhint: leave out --offline\n',
    },
    {
      what: "no program",
      args: ["--flake", ".#web1"],
      env: { PATH: "/nowhere" },
      code: 1,
      state: "Cannot run nixos-anywhere: neither it nor nix is on PATH",
    },
  ]
) {
  Deno.test(`kedge nixos-anywhere with ${what} asks no host and fetches nothing`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
    const program = env.PATH === undefined ? ["--program", "nixos-anywhere"] : [];
    const refused = await runKedge(
      ["nixos-anywhere", "--target", "root@host.invalid", "--yes", ...program, ...args],
      { cacheDir: join(folder, "cache"), env },
    );
    assertEquals(refused.code, code, refused.stderr);
    assertStringIncludes(refused.stderr, state);
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("kedge nixos-anywhere names the system of store paths when it asks", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  const { code, stderr } = await runKedge([
    ...["nixos-anywhere", "--target", "root@host.invalid"],
    ...["--store-path", "/nix/store/a-disko", "--store-path", "/nix/store/b-nixos-system"],
  ], { cacheDir: join(folder, "cache") });
  assertEquals(code, 1, stderr);
  assertStringIncludes(
    stderr,
    "--yes answers: Install /nix/store/b-nixos-system on root@host.invalid? This erases its disks.",
  );
  await Deno.remove(folder, { recursive: true });
});
