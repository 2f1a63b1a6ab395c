/** Stores that somebody else's program writes to: kedge plans and proves, and never takes an exit code as proof. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { basename, join } from "@std/path";
import type { KedgeError } from "../../../lib/base/errors.ts";
import { ifThere } from "../../../lib/base/files.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { foreignGround } from "../../support/foreign_ground.ts";
import { startNix } from "../../support/nix.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { nixOverSsh, startNixDaemon } from "../../support/nix_daemon.ts";
import { realTest } from "../../support/real.ts";
import { runKedge, spawnKedge } from "../../support/program.ts";
import { writeProgram } from "../../support/program_file.ts";
import { startSshd } from "../../support/sshd.ts";

realTest("publish() goes through nix copy to stores that only Nix knows", ["nix"], async () => {
  await using world = await startNix();
  const { options, ctx } = await foreignGround(world);
  const stores = [`local?root=${world.dir}/remote`];
  const labels: string[] = [];
  const report = (event: { type: string; label?: string }) => {
    if (event.type === "object-end") labels.push(event.label!);
  };
  const foreseen = await publish({ ...options, stores }, { ...ctx, dryRun: true });
  const first = await publish({ ...options, stores }, { ...ctx, report });
  assertEquals([first.changed, first.stores[0]?.missing, labels.length], [true, 2, 2]);
  assertEquals(first.bytesMoved, foreseen.bytesMoved);
  const path = first.storePaths[0]!;
  assertStringIncludes(
    await Deno.readTextFile(`${world.dir}/remote/nix/store/${basename(path)}/content`),
    "top",
  );
  const second = await publish({ ...options, stores, verify: "full" }, ctx);
  assertEquals([second.changed, second.bytesMoved], [false, 0]);
  await world.run("nix-store", ["--delete", path, "--store", stores[0]!]);
  assertEquals((await publish({ ...options, stores, verify: "full" }, ctx)).stores[0]?.missing, 1);
});

realTest("publish() tells why nix copy failed", ["nix"], async () => {
  await using world = await startNix();
  const { options, ctx } = await foreignGround(world);
  const env = { ...options.nix!.env, NIX_CONFIG: "require-sigs = true" };
  const stores = [`local?root=${world.dir}/remote`];
  const error = await assertRejects(() =>
    publish({ ...options, stores, nix: { env } }, ctx)
  ) as KedgeError;
  assertEquals(error.exitCode, 6);
  assertStringIncludes(error.message, "signature");
  const unknown = await assertRejects(() =>
    publish({ ...options, stores: ["nonsense-ng://host"] }, ctx)
  ) as KedgeError;
  assertEquals(unknown.exitCode, 6);
});

realTest("publish() copies to a host over ssh, and proves that the host has it", [
  "nix",
  "nix-daemon",
  "sshd",
], async () => {
  await using world = await startNix();
  await using sshd = await startSshd();
  const { options, ctx } = await foreignGround(world);
  const root = join(world.dir, "host");
  const { store, env } = await nixOverSsh(world, sshd, `local?root=${root}`);
  const there = { ...options, stores: [store], nix: { env: { ...options.nix!.env, ...env } } };
  const first = await publish(there, ctx);
  assertEquals([first.changed, first.stores[0]?.missing], [true, 2]);
  const copied = join(root, "nix", "store", basename(first.storePaths[0]!), "content");
  assertStringIncludes(await Deno.readTextFile(copied), "top");
  assertEquals((await publish(there, ctx)).changed, false);
  await world.run("nix-store", ["--delete", first.storePaths[0]!, "--store", `local?root=${root}`]);
  assertEquals((await publish(there, ctx)).stores[0]?.missing, 1);
});

realTest("publish() goes through a daemon of Nix, and proves that its store has the paths", [
  "nix",
  "nix-daemon",
], async () => {
  await using world = await startNix();
  const { options, ctx } = await foreignGround(world);
  const remote = `local?root=${world.dir}/remote`;
  const socket = join(world.dir, "socket");
  const env = { ...options.nix!.env, NIX_DAEMON_SOCKET_PATH: socket };
  await using _daemon = await startNixDaemon(socket, { ...env, NIX_REMOTE: remote });
  const there = { ...options, stores: ["daemon"], nix: { env } };
  const first = await publish(there, ctx);
  assertEquals([first.changed, first.stores[0]?.missing], [true, 2]);
  const top = first.storePaths[0]!;
  const copied = join(world.dir, "remote", "nix", "store", basename(top), "content");
  assertStringIncludes(await Deno.readTextFile(copied), "top");
  assertEquals((await publish({ ...there, verify: "full" }, ctx)).changed, false);
  await world.run("nix-store", ["--delete", top, "--store", remote]);
  assertEquals((await publish(there, ctx)).stores[0]?.missing, 1);
});

realTest("publish() believes no nix copy that ends well and brought nothing", ["nix"], async () => {
  await using world = await startNix();
  const { options, ctx } = await foreignGround(world);
  const program = join(world.dir, "lying-nix");
  await writeProgram(
    program,
    `#!/bin/sh\nfor word in "$@"; do [ "$word" = copy ] && exit 0; done\nexec nix "$@"\n`,
  );
  const stores = [`local?root=${world.dir}/remote`];
  const error = await assertRejects(() =>
    publish({ ...options, stores, nix: { ...options.nix, program } }, ctx)
  ) as KedgeError;
  assertEquals(error.exitCode, 6);
  assertStringIncludes(error.message, "its narinfo is not there");
  assertStringIncludes(error.message, stores[0]!);
  await using catalog = new SqliteCatalog({ path: join(world.dir, "catalog.db") });
  assertEquals(await catalog.list(), []);
});

realTest("publish() proves what a command of somebody else pushed", ["nix"], async () => {
  await using world = await startNix();
  const { options, ctx } = await foreignGround(world);
  const target = `file://${world.dir}/pushed`;
  const stores = [`exec:nix copy --to '${target}'?read=${target}`];
  const first = await publish({ ...options, stores, verify: "full" }, ctx);
  assertEquals([first.changed, first.stores[0]?.missing], [true, 2]);
  assertEquals((await publish({ ...options, stores }, ctx)).changed, false);
});

Deno.test("publish() believes no command that pushed nothing, and tells one that failed", async () => {
  await using plain = await plainGround(2);
  const read = `read=file://${plain.dir}/elsewhere`;
  const options = { ...plain.options, stores: [`exec:true?${read}`], propagationMs: 0 };
  const lied = await assertRejects(() => publish(options, plain.ctx)) as KedgeError;
  assertEquals(lied.exitCode, 6);
  assertStringIncludes(lied.message, "its narinfo is not there");
  const failing = [`exec:echo out of luck >&2; exit 3; :?${read}`];
  const failed = await assertRejects(() =>
    publish({ ...options, stores: failing }, plain.ctx)
  ) as KedgeError;
  assertEquals(failed.exitCode, 6);
  assertStringIncludes(failed.message, "it ended with code 3 (out of luck)");
});

Deno.test("publish() ends a command and its children on an abort", async () => {
  await using plain = await plainGround(1);
  const controller = new AbortController();
  const pidFile = join(plain.dir, "pid");
  const command =
    `sleep 600 & echo $! > '${pidFile}.new'; mv '${pidFile}.new' '${pidFile}'; wait; :`;
  const options = {
    ...plain.options,
    stores: [`exec:${command}?read=file://${plain.dir}/elsewhere`],
  };
  const ended = assertRejects(
    () => publish(options, { ...plain.ctx, signal: controller.signal }),
    Error,
    "enough",
  );
  let pid = 0;
  while (pid === 0) {
    await delay(10);
    pid = Number(await Deno.readTextFile(pidFile).catch(() => "0"));
  }
  controller.abort(new Error("enough"));
  await ended;
  // The end of a killed process may be seen a little later; a sleep of ten minutes that nobody ended would never be.
  while (await isThere(pid)) await delay(10);
});

/** Whether a process is there, and not only its entry that nobody has taken note of yet. */
async function isThere(pid: number): Promise<boolean> {
  const status = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  return status !== "" && !/\) Z /.test(status);
}

Deno.test("what Nix remembers lies in the cache, so that a prune takes it after a kill -9", async () => {
  await using plain = await plainGround(1);
  const { dir, options } = plain;
  const bin = join(dir, "bin");
  const temporary = join(dir, "temporary");
  for (const folder of [bin, temporary]) await Deno.mkdir(folder);
  const marker = join(dir, "copying");
  // It has no paths, and copies for ever.
  const script = `#!/bin/sh
case "$*" in
*copy*) echo "$$" > ${marker}.new; mv ${marker}.new ${marker}; exec sleep 600;;
*) echo '[]';;
esac
`;
  await writeProgram(join(bin, "nix"), script);
  const cacheDir = join(dir, "cache");
  const env = { PATH: `${bin}:${Deno.env.get("PATH")}`, TMPDIR: temporary };
  const to = ["--to", `local?root=${dir}/remote`, "--catalog", options.catalog as string];
  const child = spawnKedge(
    ["publish", ...options.paths, ...to, "--name", "plain", "--version", "1"],
    { cacheDir, env },
  );
  let ended = false;
  child.status.then(() => ended = true);
  let copying: string | undefined;
  while ((copying = await ifThere(Deno.readTextFile(marker))) === undefined) {
    assert(!ended, "it ended without a copy");
    await delay(20);
  }
  try {
    child.kill("SIGKILL");
    await child.output();
    const work = join(cacheDir, "tmp-v1");
    const left = async () => (await Array.fromAsync(Deno.readDir(work))).map(({ name }) => name);
    assertEquals((await left()).filter((name) => name.startsWith("nix.tmp-")).length, 1);
    assertEquals(await Array.fromAsync(Deno.readDir(temporary)), []);
    assertEquals((await runKedge(["cache:prune"], { cacheDir, env })).code, 0);
    assertEquals(await left(), []);
  } finally {
    Deno.kill(Number(copying), "SIGKILL");
  }
});
