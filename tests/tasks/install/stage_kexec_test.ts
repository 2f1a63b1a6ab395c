import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { delay } from "@std/async";
import { dirname, join } from "@std/path";
import {
  KedgeError,
  NoRoomError,
  NotAllowedError,
  TimedOutError,
  UnreachableError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { cacheKexec, type CacheKexecOptions } from "../../../tasks/kexec/kexec.ts";
import {
  stageKexec,
  type StageKexecOptions,
  type StageKexecResult,
  targetArchitecture,
} from "../../../tasks/install/stage_kexec.ts";
import { type MadeBundle, makeBundle, type MakeBundleOptions } from "../../support/bundle.ts";
import { startOrigin } from "../../support/origin.ts";
import { spawnKedge } from "../../support/program.ts";
import { writeProgram } from "../../support/program_file.ts";
import { findProgram } from "../../support/real.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";

const machine = Deno.build.arch;
const MiB = 1024 * 1024;

interface World {
  sshd: Sshd;
  folder: string;
  notes: string[];
  ctx: TaskContextOptions;
  /** A bundle whose `kexec/run` plays a new boot on the host. */
  bundle(options?: MakeBundleOptions & { name?: string; run?: string }): Promise<MadeBundle>;
  stage(
    bundle: MadeBundle,
    options?: Partial<StageKexecOptions>,
    ctx?: TaskContextOptions,
  ): ReturnType<typeof stageKexec>;
}

/** A test against a real sshd; its host is root's, as every host is once the installer runs. */
function hostTest(name: string, run: (world: World) => Promise<void>): void {
  const missing = ["sshd", "ssh", "flock"].filter((each) => findProgram(each) === undefined);
  const reasons = [...missing, ...(Deno.uid() === 0 ? [] : ["root"])];
  Deno.test({
    name: reasons.length === 0 ? name : `${name} [missing: ${reasons.join(", ")}]`,
    ignore: reasons.length > 0,
    async fn() {
      await using sshd = await startSshd();
      const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
      const notes: string[] = [];
      const ctx: TaskContextOptions = {
        cache: new Cache(join(folder, "cache")),
        report: (event: OperationEvent) => {
          if (event.type === "note") notes.push(event.message);
        },
      };
      const boots = `#!/bin/sh
echo "given: $*"
echo "TMPDIR is beside it: $([ "$TMPDIR/kexec/run" = "$0" ] && echo yes)"
tail -c 8 "$(dirname "$0")/initrd" | od -An -c | tr -d ' \\n'
echo appended >>"$(dirname "$0")/initrd"
echo 22222222-$$-4000-8000-000000000000 >'${sshd.bootIdFile}'
printf 'ID=nixos\\nVARIANT_ID=installer\\n' >'${sshd.osReleaseFile}'
echo "machine will boot into nixos in 6s..."
`;
      const world: World = {
        sshd,
        folder,
        notes,
        ctx,
        bundle: ({ name = "b.tar.gz", run = boots, ...options } = {}) =>
          makeBundle(join(folder, name), {
            arch: machine,
            files: { run: new TextEncoder().encode(run) },
            ...options,
          }),
        stage: (bundle, options = {}, more = {}) =>
          stageKexec({
            ...sshd.access,
            bundle: bundle.path,
            postKexecSshPort: sshd.port,
            bootTimeout: "20s",
            ...options,
          }, { ...ctx, ...more }),
      };
      try {
        await run(world);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

const remote = (sshd: Sshd, digest: string, suffix = ".tar.gz") =>
  join(sshd.home, "kexec", `bundle-${digest.slice("sha256:".length)}${suffix}`);

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

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

hostTest(
  "stageKexec() plans with a bundle that is still to be fetched as the run goes",
  async (world) => {
    const { sshd, ctx } = world;
    const bundle = await world.bundle({ size: 3 * MiB });
    const body = await Deno.readFile(bundle.path);
    await using origin = startOrigin({ "/b.tar.gz": { body } });
    const dryRun = { ...ctx, dryRun: true };
    const figures = ({ bytesMoved, bytesReused, changed, booted }: StageKexecResult) =>
      [bytesMoved, bytesReused, changed, booted] as const;
    const planFor = async (options: CacheKexecOptions = {}, boot = true) => {
      const { path } = await cacheKexec({ url: origin.url("/b.tar.gz"), ...options }, dryRun);
      return await world.stage({ ...bundle, path }, { boot }, dryRun);
    };
    const unpinned = await planFor();
    assertEquals(unpinned, {
      target: "root@127.0.0.1",
      size: bundle.size,
      booted: false,
      release: Deno.osRelease(),
      changed: true,
      bytesMoved: bundle.size,
      bytesReused: 0,
      requests: 5,
      why: '"b.tar.gz" is still to be fetched',
      dryRun: true,
    });
    const pinned = await planFor({ sha256: bundle.digest });
    const path = remote(sshd, bundle.digest);
    assertEquals(pinned, { ...unpinned, path, digest: bundle.digest });

    const brought = await world.stage(bundle, { boot: false });
    assertEquals(figures(await planFor({}, false)), figures(brought));
    const there = await planFor({ sha256: bundle.digest });
    assertEquals(figures(there), [0, bundle.size, true, false]);
    assertEquals(there.requests, 2);
    assertEquals(
      there.why,
      '"b.tar.gz" is still to be fetched, and root@127.0.0.1 has it already',
    );
    await world.stage(bundle);
    assertEquals(figures(await planFor()), [0, 0, false, false]);
  },
);

hostTest(
  "stageKexec() plans with the new version of a bundle that is in the cache",
  async (world) => {
    const [old, next] = [
      await world.bundle(),
      await world.bundle({ size: 2 * MiB, name: "n.tar.gz" }),
    ];
    await using origin = startOrigin({ "/b.tar.gz": { body: await Deno.readFile(old.path) } });
    // Each as a process of its own would: what was confirmed in a run stays fresh in it.
    const fetch = (ctx: TaskContextOptions = {}) =>
      cacheKexec({ url: origin.url("/b.tar.gz") }, {
        cache: new Cache(join(world.folder, "cache")),
        ...ctx,
      });
    const { path } = await fetch();
    await world.stage({ ...old, path }, { boot: false });
    origin.files.get("/b.tar.gz")!.body = await Deno.readFile(next.path);
    await fetch({ dryRun: true, refresh: "all" });
    const plan = await world.stage({ ...old, path }, { boot: false }, { dryRun: true });
    await fetch({ refresh: "all" });
    const { bytesMoved } = await world.stage({ ...old, path }, { boot: false });
    assertEquals([plan.bytesMoved, bytesMoved], [next.size, next.size]);
    // What was foreseen is there by now.
    assertEquals(
      (await world.stage({ ...old, path }, { boot: false }, { dryRun: true })).bytesMoved,
      0,
    );
  },
);

hostTest(
  "stageKexec() plans with a bundle of which nothing is known, in a dry run alone",
  async (world) => {
    const bundle = { ...await world.bundle(), path: "/none/b.tar.gz" };
    const plan = await world.stage(bundle, {}, { dryRun: true });
    assertEquals([plan.size, plan.bytesMoved, plan.requests], [0, Infinity, 5]);
    const error = await assertRejects(() => world.stage(bundle), UsageError);
    assertEquals(
      error.message,
      'Cannot use the kexec bundle "/none/b.tar.gz": there is no such file',
    );
    await assertRejects(() => world.stage({ ...bundle, path: "/.tar" }), UsageError);
  },
);

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

hostTest(
  "stageKexec() sends nothing when the bundle is there, and unpacks it afresh",
  async (world) => {
    const bundle = await world.bundle();
    await world.stage(bundle);
    const plan = await world.stage(bundle, { force: true }, { dryRun: true });
    const again = await world.stage(bundle, { force: true });
    assertEquals([again.booted, again.bytesMoved, again.bytesReused, again.requests], [
      true,
      0,
      bundle.size,
      2,
    ]);
    assertEquals([plan.bytesMoved, plan.bytesReused, plan.requests], [0, bundle.size, 2]);
    assertEquals(world.notes.filter((note) => note.includes("appended")), []);
  },
);

hostTest("stageKexec() only brings the bundle where it shall not boot", async (world) => {
  const bundle = await world.bundle({ compression: "zst", name: "b.tar.zst" });
  const first = await world.stage(bundle, { boot: false });
  assertEquals([first.booted, first.bytesMoved, first.requests], [false, bundle.size, 4]);
  assertEquals(first.path, remote(world.sshd, bundle.digest, ".tar.zst"));
  const again = await world.stage(bundle, { boot: false });
  assertEquals([again.changed, again.bytesMoved, again.bytesReused], [false, 0, bundle.size]);
});

hostTest("stageKexec() sends only the rest of what is there by its digest", async (world) => {
  const { sshd } = world;
  const bundle = await world.bundle({ size: 4 * MiB });
  const part = `${remote(sshd, bundle.digest)}.part`;
  await Deno.mkdir(join(sshd.home, "kexec"));
  const bytes = await Deno.readFile(bundle.path);
  await Deno.writeFile(part, bytes.subarray(0, 3 * MiB));
  const plan = await world.stage(bundle, { boot: false }, { dryRun: true });
  const rest = await world.stage(bundle, { boot: false });
  assertEquals([rest.bytesMoved, rest.bytesReused], [bundle.size - 3 * MiB, 3 * MiB]);
  assertEquals([plan.bytesMoved, plan.bytesReused], [rest.bytesMoved, rest.bytesReused]);
  assertEquals(await Deno.readFile(rest.path!), bytes);
  assertEquals(await isThere(part), false);
});

hostTest(
  "stageKexec() does not build upon bytes that are others, nor trust a name",
  async (world) => {
    const { sshd } = world;
    const bundle = await world.bundle({ size: 2 * MiB });
    await Deno.mkdir(join(sshd.home, "kexec"));
    const bytes = await Deno.readFile(bundle.path);
    const wrong = bytes.slice(0, MiB);
    wrong[1000]! ^= 1;
    await Deno.writeFile(`${remote(sshd, bundle.digest)}.part`, wrong);
    const first = await world.stage(bundle, { boot: false });
    assertEquals([first.bytesMoved, first.bytesReused], [bundle.size, 0]);
    await Deno.writeFile(first.path!, wrong);
    const second = await world.stage(bundle, { boot: false });
    assertEquals(second.bytesMoved, bundle.size);
    assertEquals(await Deno.readFile(second.path!), bytes);
  },
);

hostTest(
  "stageKexec() writes through no link on the host, and takes away what stands in a file's place",
  async (world) => {
    const { sshd } = world;
    const bundle = await world.bundle();
    const bytes = await Deno.readFile(bundle.path);
    const theirs = join(sshd.home, "theirs");
    const strangers: Record<string, (path: string) => Promise<unknown>> = {
      "a link": (path) => Deno.symlink(theirs, path),
      "a folder": (path) => Deno.mkdir(join(path, "x"), { recursive: true }),
      "a pipe": (path) => new Deno.Command("mkfifo", { args: [path] }).output(),
    };
    await Deno.mkdir(join(sshd.home, "kexec"));
    await Deno.writeFile(theirs, bytes.slice(0, 1000));
    const final = remote(sshd, bundle.digest);
    for (const [what, put] of Object.entries(strangers)) {
      for (const path of [final, `${final}.part`, `${final}.part.lock`]) {
        for (const suffix of ["", ".part", ".part.lock"]) {
          await Deno.remove(`${final}${suffix}`, { recursive: true }).catch(() => undefined);
        }
        await put(path);
        const signal = AbortSignal.timeout(30_000);
        const { path: kept } = await world.stage(bundle, { boot: false }, { signal });
        assertEquals((await Deno.lstat(kept!)).isFile, true, `${what} at ${path}`);
        assertEquals(await Deno.readFile(kept!), bytes);
      }
    }
    assertEquals(await Deno.readFile(theirs), bytes.slice(0, 1000));
  },
);

hostTest("stageKexec() does not keep a bundle that arrived damaged", async (world) => {
  const { sshd } = world;
  const bundle = await world.bundle();
  const cat = join(sshd.bin, "cat");
  const honest = await Deno.readTextFile(cat);
  await writeProgram(cat, "#!/bin/sh\nexec tr 'a' 'b'\n");
  const error = await assertRejects(
    () => world.stage(bundle, { boot: false }),
    VerificationError,
    "it arrived with another digest",
  );
  assertEquals(error.exitCode, 3);
  assertEquals(await isThere(remote(sshd, bundle.digest)), false);
  await writeProgram(cat, honest);
  assertEquals((await world.stage(bundle, { boot: false })).bytesMoved, bundle.size);
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

hostTest(
  "stageKexec() refuses a bundle for another machine before it sends a byte",
  async (world) => {
    const other = machine === "x86_64" ? "aarch64" : "x86_64";
    const bundle = await world.bundle({ arch: other });
    await assertRejects(() => world.stage(bundle), VerificationError, `is for ${other}-linux`);
    assertEquals(await isThere(join(world.sshd.home, "kexec")), false);
  },
);

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

hostTest("stageKexec() ends on abort, and goes on where it stopped", async (world) => {
  const { sshd } = world;
  const bundle = await world.bundle({ size: 12 * MiB });
  await Deno.writeTextFile(sshd.slowFile, "");
  const stop = new AbortController();
  const staged = world.stage(bundle, { boot: false }, { signal: stop.signal });
  const part = `${remote(sshd, bundle.digest)}.part`;
  await until(async () => (await Deno.stat(part).catch(() => ({ size: 0 }))).size >= 3 * MiB);
  stop.abort(new Error("enough"));
  await assertRejects(() => staged, Error, "enough");
  await Deno.remove(sshd.slowFile);
  const rest = await world.stage(bundle, { boot: false });
  assert(rest.bytesReused >= 3 * MiB, `${rest.bytesReused}`);
  assertEquals(rest.bytesMoved + rest.bytesReused, bundle.size);
  assertEquals(await Deno.readFile(rest.path!), await Deno.readFile(bundle.path));
});

hostTest("stageKexec() sends only the rest after a kill -9", async (world) => {
  const { sshd, folder } = world;
  const bundle = await world.bundle({ size: 64 * MiB });
  const program = await programOf(folder, { ...sshd.access, bundle: bundle.path, boot: false });
  const part = `${remote(sshd, bundle.digest)}.part`;
  const sizeOf = async () => (await Deno.stat(part).catch(() => ({ size: 0 }))).size;
  await Deno.writeTextFile(sshd.slowFile, "");
  for (const mark of [3 * MiB, 8 * MiB]) {
    const child = spawnKedge(["stage"], { cacheDir: join(folder, "cache"), program });
    const early = child.status.then((status) => {
      throw new Error(`it ended before: ${JSON.stringify(status)}`);
    });
    await Promise.race([until(async () => await sizeOf() >= mark), early]);
    child.kill("SIGKILL");
    await Promise.allSettled([child.output(), early]);
  }
  await Deno.remove(sshd.slowFile);
  const rest = await world.stage(bundle, { boot: false });
  assert(rest.bytesReused >= 8 * MiB, `${rest.bytesReused}`);
  assertEquals(rest.bytesMoved + rest.bytesReused, bundle.size);
  assertEquals(await Deno.readFile(rest.path!), await Deno.readFile(bundle.path));
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

/** Puts a program before all others on the host. */
async function onHost(sshd: Sshd, name: string, script: string): Promise<void> {
  await writeProgram(join(sshd.bin, name), `#!/bin/sh\n${script}\n`);
}

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

hostTest("stageKexec() says that the connection broke, and goes on from there", async (world) => {
  const { sshd } = world;
  const bundle = await world.bundle({ size: 5 * MiB });
  const cat = await Deno.readTextFile(join(sshd.bin, "cat"));
  await onHost(
    sshd,
    "cat",
    `[ $# -eq 0 ] || exec /bin/cat "$@"
dd bs=1M count=2 iflag=fullblock 2>/dev/null
kill -9 "$(awk '{ print $4 }' /proc/$PPID/stat)" $PPID`,
  );
  const error = await assertRejects(() => world.stage(bundle, { boot: false }), KedgeError);
  assert([1, 4].includes(error.exitCode), error.message);
  await writeProgram(join(sshd.bin, "cat"), cat);
  const rest = await world.stage(bundle, { boot: false });
  assertEquals([rest.bytesMoved, rest.bytesReused], [bundle.size - 2 * MiB, 2 * MiB]);
});

hostTest("stageKexec() is not confused by what a login shell says", async (world) => {
  const { home } = world.sshd;
  await Deno.writeTextFile(join(home, ".bashrc"), "echo kedge:welcome; printf 'no end of line'\n");
  const bundle = await world.bundle();
  assertEquals((await world.stage(bundle)).booted, true);
});

hostTest("stageKexec() needs no second boot after a kill -9 while it waits", async (world) => {
  const { sshd, folder } = world;
  const slowly = `#!/bin/sh
(sleep 3; echo 22222222-0000-4000-8000-000000000000 >'${sshd.bootIdFile}'
printf 'ID=nixos\\nVARIANT_ID=installer\\n' >'${sshd.osReleaseFile}') >/dev/null 2>&1 &
echo booting >>'${folder}/boots'
echo "machine will boot into nixos in 6s..."
`;
  const bundle = await world.bundle({ run: slowly });
  const options = { ...sshd.access, bundle: bundle.path, postKexecSshPort: sshd.port };
  const child = spawnKedge(["stage"], {
    cacheDir: join(folder, "cache"),
    program: await programOf(folder, options),
  });
  await until(() => isThere(join(folder, "boots")));
  child.kill("SIGKILL");
  await child.output();
  await until(async () => (await Deno.readTextFile(sshd.bootIdFile)).startsWith("2222"));
  await until(async () => (await Deno.readTextFile(sshd.osReleaseFile)).includes("installer"));
  const again = await world.stage(bundle);
  assertEquals([again.booted, again.why], [false, "root@127.0.0.1 runs the installer already"]);
  assertEquals(await Deno.readTextFile(join(folder, "boots")), "booting\n");
});

hostTest("targetArchitecture() asks the host", async ({ sshd, ctx }) => {
  assertEquals(await targetArchitecture(sshd.access, ctx), `${machine}-linux`);
  await writeProgram(join(sshd.bin, "uname"), "#!/bin/sh\necho riscv64\n");
  await assertRejects(() => targetArchitecture(sshd.access, ctx), KedgeError, '"riscv64"');
  await assertRejects(() => targetArchitecture(sshd.access, { ...ctx, offline: true }), UsageError);
});

for (
  const [what, options, message] of [
    ["a bundle without a suffix", { bundle: "/b" }, "it has no known suffix"],
    ["a target that is a flag", { target: "-oProxyCommand=x" }, "it names no host"],
    ["a target with a space", { target: "root@a b" }, "it names no host"],
    ["a port that is none", { port: 0 }, "it is no number from 1 to 65535"],
    ["a port for later that is none", { postKexecSshPort: 70000 }, "it is no number"],
    ["an ssh option that is none", { sshOptions: ["-v"] }, "it is not NAME=VALUE"],
    ["a relative folder", { remoteFolder: "kexec" }, "it is no absolute path"],
    ["a time that is none", { bootTimeout: -1 }, "it is no time"],
  ] as [string, Partial<StageKexecOptions>, string][]
) {
  Deno.test(`stageKexec() refuses ${what}`, async () => {
    const given = { target: "root@host", bundle: "/b.tar.gz", ...options };
    const error = await assertRejects(() => stageKexec(given), UsageError);
    assertMatch(error.message, /^Cannot use /);
    assertStringIncludes(error.message, message);
  });
}

/** A task file whose only task stages a bundle. */
async function programOf(folder: string, options: StageKexecOptions): Promise<string> {
  const program = join(folder, "tasks.ts");
  const given = JSON.stringify(options);
  await Deno.writeTextFile(
    program,
    `import { main, stageKexec, task } from "@kedge/kedge";
const run = (ctx) => stageKexec(${given}, ctx);
await main({ stage: task({ name: "stage", description: "Stage", run }) });
`,
  );
  return program;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!await isSo()) await delay(20);
}
