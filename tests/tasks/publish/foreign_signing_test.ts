/** Signatures in the stores that Nix writes to: paths there get ours, whether they were there before or not. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import type { KedgeError } from "../../../lib/base/errors.ts";
import type { Cache } from "../../../lib/cache/cache.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { generateSigningKey } from "../../../lib/nix/signing_key.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { type ForeignGround, foreignGround } from "../../support/foreign_ground.ts";
import { type NixWorld, startNix } from "../../support/nix.ts";
import { nixOverSsh, startNixDaemon } from "../../support/nix_daemon.ts";
import { writeProgram } from "../../support/program_file.ts";
import { realTest } from "../../support/real.ts";
import { startSshd } from "../../support/sshd.ts";

interface Ground extends ForeignGround {
  /** The two keys that sign, as readers know them. */
  publicTexts: string[];
}

async function ground(world: NixWorld, cache?: string): Promise<Ground> {
  const { options, ctx } = await foreignGround(world, cache);
  const keys = await Promise.all(["ours-1", "ours-2"].map((name) => generateSigningKey(name)));
  const files = keys.map((_, at) => join(world.dir, `key-${at}`));
  await Promise.all(keys.map((key, at) => Deno.writeTextFile(files[at]!, key.secretText)));
  return {
    options: { ...options, signingKey: files.map((file) => ({ file })) },
    ctx,
    publicTexts: keys.map((key) => key.publicText),
  };
}

/** The names of the keys that signed each path of a store. */
async function signers(world: NixWorld, store: string): Promise<string[][]> {
  const json = await world.run("nix", ["path-info", "--all", "--json", "--store", store]);
  return (JSON.parse(json) as { signatures?: string[] }[]).map(({ signatures = [] }) =>
    signatures.map((text) => text.split(":")[0]!).sort()
  );
}

/** Has Nix itself check that every path of a store is signed by a key. */
async function checkByNix(world: NixWorld, store: string, publicText: string): Promise<void> {
  const trust = ["--option", "trusted-public-keys", publicText, "--sigs-needed", "1"];
  await world.run("nix", ["store", "verify", "--all", "--no-contents", ...trust, "--store", store]);
}

/** The folders of Nix that are left in the cache. */
async function nixFolders({ cache }: { cache: Cache }): Promise<string[]> {
  const left = await Array.fromAsync(Deno.readDir(join(cache.dir, "tmp-v1")));
  return left.map(({ name }) => name).filter((name) => name.startsWith("nix."));
}

realTest("publish() signs what it copies to a store of Nix, and what was there unsigned", [
  "nix",
], async () => {
  await using world = await startNix();
  const { options, ctx, publicTexts } = await ground(world);
  const store = `local?root=${world.dir}/remote`;
  const leaf = (await world.run("nix-store", ["-qR", ...options.paths])).split("\n")[0]!;
  await world.run("nix", ["copy", "--no-check-sigs", "--to", store, leaf]);
  assertEquals(await signers(world, store), [[]]);
  const events: string[] = [];
  const report = (event: unknown) => void events.push(JSON.stringify(event));
  const there = { ...options, stores: [store] };
  const foreseen = await publish(there, { ...ctx, dryRun: true });
  assertStringIncludes(foreseen.why, "lacks 2 of 2 paths (not signed by our key, not there)");
  const first = await publish(there, { ...ctx, report });
  assertEquals([first.changed, first.stores[0]?.missing], [true, 2]);
  assertEquals(events.filter((text) => text.includes("no signature")), []);
  assertEquals(await signers(world, store), [["ours-1", "ours-2"], ["ours-1", "ours-2"]]);
  for (const text of publicTexts) await checkByNix(world, store, text);
  const second = await publish({ ...there, verify: "full" }, ctx);
  assertEquals([second.changed, second.bytesMoved], [false, 0]);
  assertEquals(await nixFolders(ctx), []);
});

realTest("publish() adds a signature to a closure that is there, and copies nothing", [
  "nix",
], async () => {
  await using world = await startNix();
  const { options, ctx } = await ground(world);
  const store = `local?root=${world.dir}/remote`;
  const { signingKey, ...rest } = options;
  const unsigned = { ...rest, stores: [store] };
  await publish(unsigned, ctx);
  assertEquals(await signers(world, store), [[], []]);
  const one = { ...unsigned, signingKey: (signingKey as { file: string }[])[0]! };
  const calls = join(world.dir, "calls");
  const program = join(world.dir, "counted-nix");
  await writeProgram(program, `#!/bin/sh\necho "$*" >> '${calls}'\nexec nix "$@"\n`);
  const signed = await publish({ ...one, nix: { ...options.nix, program } }, ctx);
  assertEquals([signed.changed, signed.bytesMoved], [true, 0]);
  const said = (await Deno.readTextFile(calls)).split("\n");
  const count = (word: string) => said.filter((line) => line.includes(` ${word} `)).length;
  assertEquals([count("copy-sigs"), count("copy")], [1, 0]);
  assertEquals(await signers(world, store), [["ours-1"], ["ours-1"]]);
  // The signature that others made stays.
  assertEquals((await publish({ ...unsigned, signingKey: signingKey! }, ctx)).bytesMoved, 0);
  assertEquals(await signers(world, store), [["ours-1", "ours-2"], ["ours-1", "ours-2"]]);
});

realTest("publish() signs on a host over ssh", ["nix", "nix-daemon", "sshd"], async () => {
  await using world = await startNix();
  await using sshd = await startSshd();
  const { options, ctx, publicTexts } = await ground(world);
  const remote = `local?root=${join(world.dir, "host")}`;
  const { store, env } = await nixOverSsh(world, sshd, remote);
  const there = { ...options, stores: [store], nix: { env: { ...options.nix!.env, ...env } } };
  assertEquals((await publish(there, ctx)).stores[0]?.missing, 2);
  assertEquals(await signers(world, remote), [["ours-1", "ours-2"], ["ours-1", "ours-2"]]);
  for (const text of publicTexts) await checkByNix(world, remote, text);
  assertEquals((await publish(there, ctx)).changed, false);
});

realTest("publish() tells that a daemon lets only trusted users sign, and signs once it is one", [
  "nix",
  "nix-daemon",
], async () => {
  await using world = await startNix();
  const { options, ctx } = await ground(world);
  const remote = `local?root=${world.dir}/remote`;
  const socket = join(world.dir, "socket");
  const env = { ...options.nix!.env, NIX_DAEMON_SOCKET_PATH: socket };
  const there = { ...options, stores: ["daemon"], nix: { env } };
  {
    await using _daemon = await startNixDaemon(socket, {
      ...env,
      NIX_REMOTE: remote,
      NIX_CONFIG: "require-sigs = false\ntrusted-users = nobody-else",
    });
    const error = await assertRejects(() => publish(there, ctx)) as KedgeError;
    assertEquals(error.exitCode, 5);
    assertStringIncludes(
      error.message,
      `to "daemon": it takes no signature for "${world.storeDir}`,
    );
    assertStringIncludes(error.message, "you are not privileged to add signatures");
    assertStringIncludes(error.hint!, "trusted-users");
  }
  await using catalog = new SqliteCatalog({ path: join(world.dir, "catalog.db") });
  assertEquals(await catalog.list(), []);
  assertEquals(await signers(world, remote), [[], []]);
  await using _daemon = await startNixDaemon(socket, {
    ...env,
    NIX_REMOTE: remote,
    NIX_CONFIG: "require-sigs = false\ntrusted-users = *",
  });
  const signed = await publish(there, ctx);
  assertEquals([signed.changed, signed.bytesMoved], [true, 0]);
  assertEquals(await signers(world, remote), [["ours-1", "ours-2"], ["ours-1", "ours-2"]]);
  assertEquals((await publish(there, ctx)).changed, false);
});

realTest("publish() tells that an ssh:// store takes no signatures, and names ssh-ng://", [
  "nix",
], async () => {
  await using world = await startNix();
  const { options, ctx } = await ground(world);
  // Nix reaches this host by a shell in place of ssh.
  const stores = [`ssh://localhost?remote-store=local?root=${world.dir}/remote`];
  const error = await assertRejects(() => publish({ ...options, stores }, ctx)) as KedgeError;
  assertEquals(error.exitCode, 6);
  assertStringIncludes(error.message, 'to "ssh://localhost');
  assertStringIncludes(error.message, `it takes no signature for "${world.storeDir}`);
  assertStringIncludes(error.message, "and 1 more: nix store copy-sigs ended with code 1");
  assertStringIncludes(error.hint!, "ssh-ng://");
  await using catalog = new SqliteCatalog({ path: join(world.dir, "catalog.db") });
  assertEquals(await catalog.list(), []);
});

realTest("publish() believes no nix store copy-sigs that ends well and signed nothing", [
  "nix",
], async () => {
  await using world = await startNix();
  const { options, ctx } = await ground(world);
  const program = join(world.dir, "lying-nix");
  await writeProgram(
    program,
    `#!/bin/sh\nfor word in "$@"; do [ "$word" = copy-sigs ] && exit 0; done\nexec nix "$@"\n`,
  );
  const stores = [`local?root=${world.dir}/remote`];
  const error = await assertRejects(() =>
    publish({ ...options, stores, nix: { ...options.nix, program } }, ctx)
  ) as KedgeError;
  assertEquals(error.exitCode, 3);
  assertStringIncludes(error.message, "has no signature of the key ours-1");
});

realTest("publish() gives Nix signatures, and never a key", ["nix"], async () => {
  await using world = await startNix();
  const { options, ctx } = await ground(world);
  const seen = join(world.dir, "seen");
  const program = join(world.dir, "watched-nix");
  const script = `#!/bin/sh
case "$*" in *copy-sigs*)
  mkdir '${seen}'; env > '${seen}/env'; echo "$*" > '${seen}/words'
  for word; do
    case "$word" in file://*) folder=\${word#file://}; cp -r "\${folder%%\\?*}" '${seen}/cache';; esac
  done;;
esac
exec nix "$@"
`;
  await writeProgram(program, script);
  const stores = [`local?root=${world.dir}/remote`];
  await publish({ ...options, stores, nix: { ...options.nix, program } }, ctx);
  const names = (await Array.fromAsync(Deno.readDir(join(seen, "cache")))).map(({ name }) => name);
  assertEquals(names.filter((name) => name.endsWith(".narinfo")).length, 2);
  assertEquals(names.filter((name) => !name.endsWith(".narinfo")), ["nix-cache-info"]);
  const files = ["env", "words", ...names.map((name) => `cache/${name}`)];
  const told = await Promise.all(files.map((name) => Deno.readTextFile(join(seen, name))));
  for (const name of ["key-0", "key-1"]) {
    const secret = (await Deno.readTextFile(join(world.dir, name))).split(":")[1]!;
    assert(!told.join("\n").includes(secret.slice(0, 40)));
  }
});

realTest("publish() gives up a signing that says nothing, and leaves nothing of it", [
  "nix",
], async () => {
  await using world = await startNix();
  const { options, ctx } = await ground(world);
  const stores = [`local?root=${world.dir}/remote`];
  const { signingKey, ...rest } = options;
  await publish({ ...rest, stores }, ctx);
  const program = join(world.dir, "silent-nix");
  await writeProgram(
    program,
    `#!/bin/sh\ncase "$*" in *copy-sigs*) exec sleep 600;; esac\nexec nix "$@"\n`,
  );
  const signing = { ...rest, stores, signingKey, stallMs: 200 };
  const error = await assertRejects(() =>
    publish({ ...signing, nix: { ...options.nix, program } }, ctx)
  ) as KedgeError;
  assertStringIncludes(error.message, "nix store copy-sigs said nothing for 200 ms");
  assertEquals(await nixFolders(ctx), []);
});

realTest(
  "publish() says that Nix reads no signatures in a folder with a blank",
  ["nix"],
  async () => {
    await using world = await startNix();
    const { options, ctx } = await ground(world, "kedge cache");
    const stores = [`local?root=${world.dir}/remote`];
    const error = await assertRejects(() => publish({ ...options, stores }, ctx)) as KedgeError;
    assertEquals(error.exitCode, 6);
    assertStringIncludes(error.message, "not every Nix can read signatures from");
    assertStringIncludes(error.hint!, "--cache-dir");
    assertEquals(await signers(world, stores[0]!), []);
  },
);
