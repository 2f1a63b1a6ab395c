/**
 * What a host has of a bundle already, whole, in part, wrong or from a run that was broken off.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import type { StageKexecOptions } from "../../../tasks/install/stage_kexec.ts";
import { spawnKedge } from "../../support/program.ts";
import { writeProgram } from "../../support/program_file.ts";
import { isThere } from "../../support/is_there.ts";
import { hostTest, onHost, remote } from "../../support/kexec_host.ts";

const MiB = 1024 * 1024;

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
        // Whoever opens a pipe waits for ever.
        const signal = AbortSignal.timeout(300_000);
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

hostTest("stageKexec() needs no second boot after a kill -9 while it waits", async (world) => {
  const { sshd, folder } = world;
  const killed = join(folder, "killed");
  const slowly = `#!/bin/sh
(while [ -d '${folder}' ] && [ ! -e '${killed}' ]; do sleep 0.1; done
echo 22222222-0000-4000-8000-000000000000 >'${sshd.bootIdFile}'
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
  await Deno.writeTextFile(killed, "");
  await until(async () => (await Deno.readTextFile(sshd.bootIdFile)).startsWith("2222"));
  await until(async () => (await Deno.readTextFile(sshd.osReleaseFile)).includes("installer"));
  const again = await world.stage(bundle);
  assertEquals([again.booted, again.why], [false, "root@127.0.0.1 runs the installer already"]);
  assertEquals(await Deno.readTextFile(join(folder, "boots")), "booting\n");
});

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
