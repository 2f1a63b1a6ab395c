/** What comes after a publish: going back, pruning, keys. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { dirname, join } from "@std/path";
import { IncompleteError, KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { parseSigningKey } from "../../../lib/nix/signing_key.ts";
import type { RunEvent } from "../../../lib/runner/events.ts";
import {
  publishKeygen,
  publishPrune,
  publishRollback,
  publishVerify,
} from "../../../tasks/publish/after.ts";
import { catalogList, catalogShow } from "../../../tasks/publish/catalog.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { CatalogServer } from "../../support/catalog_server.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { namesIn, publishVersions } from "../../support/published_versions.ts";
import { runKedge } from "../../support/program.ts";

Deno.test("publishRollback() moves the pointer back, once the stores were proven", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround(4);
  const { catalog } = await publishVersions(ground, 3, { catalog: server.url });
  const options = { name: "plain", catalog: catalog as string };
  const foreseen = await publishRollback(options, { ...ground.ctx, dryRun: true });
  const back = await publishRollback(options, ground.ctx);
  assertEquals([back.from, back.id.split("/")[0], back.requests], [
    "3",
    "plain@2",
    foreseen.requests,
  ]);
  assertEquals((await publishRollback({ ...options, version: "1" }, ground.ctx)).from, "2");
  await assertRejects(
    () => publishRollback({ ...options, version: "7" }, ground.ctx),
    UsageError,
    "has no such entry",
  );
  const store = join(ground.dir, "store");
  for (const name of await namesIn(store, ".narinfo")) await Deno.remove(join(store, name));
  const lost = await assertRejects(
    () => publishRollback({ ...options, version: "3" }, ground.ctx),
    IncompleteError,
  );
  assertMatch(
    lost.message,
    /^Cannot prove "\/nix\/store\/.+" in "file:.+": its narinfo is not there/,
  );
  const system = `${Deno.build.arch}-${Deno.build.os}`;
  assertEquals(
    lost.hint,
    `mend it with publish:verify plain@3/${system} --repair, or name another version with --version`,
  );
  assertEquals(
    (await catalogList({ catalog: catalog as string })).filter((entry) => entry.current).map((
      entry,
    ) => entry.version),
    ["1"],
  );
});

Deno.test("publishRollback() goes back further each time, to what was current before", async () => {
  await using ground = await plainGround(6);
  const { catalog } = await publishVersions(ground, 3);
  const options = { name: "plain", catalog: catalog as string };
  const back = async (version?: string) =>
    (await publishRollback({ ...options, version }, ground.ctx)).id.split(/[@/]/)[1];
  assertEquals([await back(), await back()], ["2", "1"]);
  const error = await assertRejects(() => back(), UsageError);
  assertStringIncludes(error.message, `Cannot roll "plain" back: nothing was current before 1`);
  assertStringIncludes(error.hint ?? "", "--version");
  assertEquals([await back("3"), await back()], ["3", "1"]);
  await publishVersions(ground, 5);
  assertEquals([await back(), await back()], ["4", "3"]);
});

Deno.test("publishRollback() says what to do next where nothing was published for the system", async () => {
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2);
  const options = { name: "plain", catalog: catalog as string, system: "riscv64-linux" };
  const error = await assertRejects(() => publishRollback(options, ground.ctx), UsageError);
  assertEquals(
    [error.message, error.hint],
    [
      `Cannot roll "plain" back: "${catalog}" has no entry of it for riscv64-linux`,
      "see what there is with catalog:ls, and name its system with --system",
    ],
  );
});

Deno.test("publishPrune() names the stores of a forgotten entry that it was not given", async () => {
  await using ground = await plainGround(4);
  const left = `file://${ground.dir}/left`;
  const store = `file://${ground.dir}/store`;
  const { catalog } = await publishVersions(ground, 3, { stores: [store, left] });
  const warnings: string[] = [];
  const report = (event: RunEvent) => {
    if (event.type === "note" && event.level === "warning") warnings.push(event.message);
  };
  const ctx = { ...ground.ctx, report };
  const options = { catalog: catalog as string, stores: [store], keep: 0 };
  const foreseen = await publishPrune(options, { ...ctx, dryRun: true });
  assertEquals(foreseen.forgotten.length, 2);
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0]!, `"${left}" has paths of 2 entries`);
  await Deno.symlink(join(ground.dir, "left"), join(ground.dir, "link"));
  await publishPrune({ ...options, stores: [`${store}/`, `file://${ground.dir}/link`] }, ctx);
  assertEquals(warnings.length, 1);
  assertEquals((await namesIn(join(ground.dir, "left"), ".narinfo")).length, 2);
});

Deno.test("publishPrune() deletes what no live entry needs, and nothing else", async () => {
  await using ground = await plainGround(5);
  const { catalog } = await publishVersions(ground, 4);
  const store = join(ground.dir, "store");
  const options = { catalog: catalog as string, stores: [`file://${store}`], keep: 1 };
  const foreseen = await publishPrune(options, { ...ground.ctx, dryRun: true });
  assertEquals((await namesIn(store, ".narinfo")).length, 5);
  const pruned = await publishPrune(options, ground.ctx);
  assertEquals(pruned.forgotten.map((id) => id.split("/")[0]), ["plain@2", "plain@1"]);
  assertEquals(pruned.forgotten, foreseen.forgotten);
  assertEquals(pruned.stores.map(({ paths }) => paths), [2]);
  assertEquals((await namesIn(store, ".narinfo")).length, 3);
  assertEquals((await namesIn(join(store, "nar"), ".zst")).length, 3);
  for (const entry of ["plain@3", "plain@4"]) {
    await publishVerify({ entry, catalog: catalog as string, depth: "full" }, ground.ctx);
  }
  assertEquals((await publishPrune(options, ground.ctx)).changed, false);
});

Deno.test("publishPrune() goes on with a prune that ended after the catalog forgot", async () => {
  await using server = new CatalogServer();
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2, { catalog: server.url });
  const store = join(ground.dir, "store");
  const options = { catalog: catalog as string, stores: [`file://${store}`], keep: 0 };
  let forgotten = false;
  server.fault = ({ method }) => {
    forgotten ||= method === "DELETE";
    return method === "GET" && forgotten ? new Response("down", { status: 501 }) : undefined;
  };
  await assertRejects(() => publishPrune(options, ground.ctx), KedgeError, "answered 501");
  assertEquals([server.entries.size, (await namesIn(store, ".narinfo")).length], [1, 3]);
  server.fault = () => undefined;
  const again = await publishPrune(options, ground.ctx);
  assertEquals([again.forgotten.length, again.stores[0]?.paths], [0, 1]);
  assertEquals((await namesIn(join(store, "nar"), ".zst")).length, 2);
});

Deno.test("publishPrune() and publish() race: whoever is first, no entry lacks a path", async () => {
  await using ground = await plainGround(3, 200_000);
  const base = await publishVersions(ground, 2);
  const [shared, first] = ground.options.paths;
  const store = `file://${ground.dir}/store`;
  for (let round = 0; round < 12; round++) {
    // Version 1's path is about to be pruned while another package publishes it.
    await publish({ ...base, version: `1.${round}`, paths: [shared!, first!] }, ground.ctx);
    await publish({ ...base, version: `2.${round}`, paths: [shared!] }, ground.ctx);
    const racing = publish(
      { ...base, name: `other-${round}`, version: "1", paths: [first!] },
      ground.ctx,
    );
    const delayMs = round * 3;
    const pruning = new Promise((done) => setTimeout(done, delayMs)).then(() =>
      publishPrune({ catalog: base.catalog as string, stores: [store], keep: 0 }, ground.ctx)
    );
    const [published] = await Promise.allSettled([racing, pruning]);
    await publishPrune({ catalog: base.catalog as string, stores: [store], keep: 0 }, ground.ctx);
    for (const entry of await catalogList({ catalog: base.catalog as string })) {
      await publishVerify(
        { entry: entry.id, catalog: base.catalog as string, depth: "full" },
        ground.ctx,
      );
    }
    if (published.status === "rejected") assert(published.reason instanceof IncompleteError);
    const gone = await catalogList({ catalog: base.catalog as string, entry: `other-${round}` });
    assertEquals(gone.length, published.status === "fulfilled" ? 1 : 0);
  }
});

Deno.test("publish() and publishPrune() refuse a file as a store before anything is written or forgotten", async () => {
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2);
  const file = ground.options.paths[0]!;
  const link = join(ground.dir, "link");
  await Deno.symlink("nowhere", link);
  for (const [path, below] of [[file, ""], [file, "/below/it"], [link, ""], [link, "/below"]]) {
    const store = `file://${path}${below}`;
    const words = `Cannot use "${store}" as a store: "${path}" is not a folder`;
    for (const dryRun of [true, false]) {
      const ctx = { ...ground.ctx, dryRun };
      await assertRejects(
        () => publish({ ...ground.options, version: "9", stores: [store] }, ctx),
        UsageError,
        words,
      );
      await assertRejects(
        () => publishPrune({ catalog: catalog as string, stores: [store], keep: 0 }, ctx),
        UsageError,
        words,
      );
    }
  }
  assertEquals((await catalogList({ catalog: catalog as string })).length, 2);
});

Deno.test("publishKeygen() writes a key for its owner alone, and prints what readers need", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const file = join(dir, "key");
    const stores = [
      "https://me:pass@push.acme.dev?read=https://cache.acme.dev",
      "file:///srv/cache",
    ];
    const made = await publishKeygen({ name: "acme-1", file, stores });
    assertEquals(made.lines, [
      "extra-substituters = https://cache.acme.dev file:///srv/cache",
      `extra-trusted-public-keys = ${made.publicKey}`,
    ]);
    assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
    const key = await parseSigningKey(await Deno.readTextFile(file), "a test");
    assertEquals(key.publicKey.text, made.publicKey);
    const missing = join(dir, "not", "there", "key");
    for (const dryRun of [false, true]) {
      await assertRejects(
        () => publishKeygen({ name: "acme-1", file }, { dryRun }),
        UsageError,
        "is there already",
      );
      for (const [path, folder] of [[missing, dirname(missing)], [join(file, "key"), file]]) {
        const error = await assertRejects(
          () => publishKeygen({ name: "acme-1", file: path! }, { dryRun }),
          UsageError,
          `Cannot write the key "${path}": "${folder}" is not a folder`,
        );
        assertStringIncludes(error.hint ?? "", "make that folder first");
      }
    }
    const foreseen = await publishKeygen({ name: "acme-1", file: `${file}3` }, { dryRun: true });
    assertEquals([foreseen.publicKey, foreseen.lines], ["", []]);
    assertEquals((await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name), ["key"]);
    await assertRejects(
      () => publishKeygen({ name: "a b", file: `${file}2` }),
      UsageError,
      "not allowed",
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("the program lists, shows, rolls back, verifies and prunes", async () => {
  await using ground = await plainGround(3);
  const { catalog } = await publishVersions(ground, 2);
  const kedge = async (...args: string[]) => {
    const result = await runKedge(args, { cacheDir: join(ground.dir, "cache") });
    assertEquals(result.code, 0, result.stderr);
    return result.stdout;
  };
  const at = ["--catalog", catalog as string];
  const list = (await kedge("catalog:ls", ...at)).trim().split("\n").map((line) =>
    line.split("\t")
  );
  assertEquals(list.map(([id, state]) => [id?.split("/")[0], state]), [
    ["plain@2", "current"],
    ["plain@1", "-"],
  ]);
  const system = `${Deno.build.arch}-${Deno.build.os}`;
  assertEquals(await kedge("publish:rollback", "plain", ...at), `plain@1/${system}\n`);
  assertStringIncludes(await kedge("catalog:show", "plain", ...at), `plain@1/${system} (current)`);
  assertEquals(await kedge("publish:verify", "plain@2", ...at), `plain@2/${system}\n`);
  const store = `file://${ground.dir}/store`;
  assertEquals(
    await kedge("publish:prune", ...at, "--from", store, "--keep", "0"),
    `plain@2/${system}\n`,
  );
  const shown = await catalogShow({ catalog: catalog as string, entry: "plain" });
  assertEquals(shown.history.map((line) => line.action), ["rollback", "publish", "publish"]);
});
