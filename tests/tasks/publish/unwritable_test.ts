/** What dry runs say of a place that may not be written: what the run would say, and nothing is written for it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { plainGround } from "../../support/plain_paths.ts";
import { namesIn } from "../../support/published_versions.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { treeOf } from "../../support/tree.ts";

const programs = ["bound"];

for (const place of ["", "nar", ".kedge/pins"]) {
  realTest(
    `publish and its dry run refuse a file:// store in whose ${
      place || "own"
    } folder this user may not write, before another store gets anything`,
    programs,
    async () => {
      await using ground = await plainGround(2);
      const [locked, other] = [join(ground.dir, "locked"), join(ground.dir, "other")];
      const folder = join(locked, place);
      await Deno.mkdir(folder, { recursive: true });
      await Deno.chmod(folder, 0o555);
      const before = await treeOf(locked);
      const { paths, catalog } = ground.options;
      const args = ["publish", ...paths, "--name=plain", "--version=1", `--catalog=${catalog}`];
      const run = (...more: string[]) =>
        runKedge([...args, `--to=file://${locked}`, `--to=file://${other}`, ...more], {
          cacheDir: join(ground.dir, "cache"),
          bound: true,
        });
      for (const more of [["--dry-run"], []]) {
        const { code, stderr } = await run("--quiet", ...more);
        assertEquals(code, 5, stderr);
        assertStringIncludes(stderr, `Cannot write "${folder}": `);
        assertStringIncludes(stderr, "hint: let this user write there, or name another store");
        assertEquals(await treeOf(locked), before);
        assertEquals(await treeOf(other), new Map());
      }
      await Deno.chmod(folder, 0o755);
      assertEquals((await run("--quiet", "--dry-run")).code, 0);
    },
  );
}

realTest(
  "publish:verify --repair mends a store in whose folder of pins this user may not write, as it pins nothing",
  programs,
  async () => {
    await using ground = await plainGround(1);
    const store = join(ground.dir, "store");
    const run = async (...args: string[]) => {
      const at = [`--catalog=${ground.options.catalog}`, "--quiet"];
      const options = { cacheDir: join(ground.dir, "cache"), bound: true };
      const { code, stderr } = await runKedge([...args, ...at], options);
      assertEquals(code, 0, stderr);
    };
    const { paths } = ground.options;
    await run("publish", ...paths, "--name=plain", "--version=1", `--to=file://${store}`);
    for await (const { name } of Deno.readDir(join(store, "nar"))) {
      await Deno.remove(join(store, "nar", name));
    }
    const pins = join(store, ".kedge", "pins");
    await Deno.chmod(pins, 0o555);
    await run("publish:verify", "plain", "--repair");
    await run("publish:verify", "plain", "--verify=full");
    await Deno.chmod(pins, 0o755);
  },
);

const places = [["catalog.db", "that this user may not write"], [
  "",
  "beside which this user may not write",
]];
for (const [denied = "", which] of places) {
  realTest(
    `publish, publish:rollback, publish:prune and their dry runs refuse a catalog ${which}, before a store changes`,
    programs,
    async () => {
      await using ground = await plainGround(2);
      const [locked, store] = [join(ground.dir, "locked"), join(ground.dir, "store")];
      const catalog = `sqlite://${locked}/catalog.db`;
      const publishing = (version: string, to = store) => [
        ...["publish", ...ground.options.paths, "--name=plain", `--version=${version}`],
        ...[`--catalog=${catalog}`, `--to=file://${to}`],
      ];
      const run = (args: readonly string[]) =>
        runKedge([...args, "--quiet"], { cacheDir: join(ground.dir, "cache"), bound: true });
      for (const version of ["1", "2"]) assertEquals((await run(publishing(version))).code, 0);
      const { mode } = await Deno.stat(join(locked, denied));
      await Deno.chmod(join(locked, denied), mode! & 0o555);
      const before = await treeOf(ground.dir);
      const rollback = ["publish:rollback", "plain", `--catalog=${catalog}`];
      const prune = ["publish:prune", `--catalog=${catalog}`, `--from=file://${store}`];
      const empty = join(ground.dir, "empty");
      for (const args of [publishing("3", empty), rollback, [...prune, "--keep=0"]]) {
        for (const more of [["--dry-run"], []]) {
          const { code, stderr } = await run([...args, ...more]);
          assertEquals(code, 5, stderr);
          assertStringIncludes(stderr, `Cannot write the catalog "${catalog}": `);
          assertStringIncludes(stderr, "hint: run as the user who owns its file");
        }
      }
      const trees = [await treeOf(ground.dir), before].map((tree) =>
        [...tree].filter(([path]) => !path.startsWith("cache/"))
      );
      assertEquals(trees[0], trees[1]);
      for (const args of [publishing("2"), [...prune, "--keep=1"]]) {
        assertEquals((await run(args)).code, 0);
      }
      await Deno.chmod(join(locked, denied), mode! & 0o777);
      assertEquals((await run(rollback)).code, 0);
    },
  );
}

for (const place of ["", "nar", ".kedge"]) {
  realTest(
    `publish:prune and its dry run refuse a store in whose ${
      place || "own"
    } folder this user may not write, before the catalog forgets anything`,
    programs,
    async () => {
      await using ground = await plainGround(2);
      const store = join(ground.dir, "store");
      const run = async (expected: number, ...args: string[]) => {
        const options = { cacheDir: join(ground.dir, "cache"), bound: true };
        const at = `--catalog=${ground.options.catalog}`;
        const { code, stdout, stderr } = await runKedge([...args, at, "--quiet"], options);
        assertEquals(code, expected, stderr);
        return { stdout, stderr };
      };
      for (const [index, path] of ground.options.paths.entries()) {
        const named = ["--name=plain", `--version=${index}`, `--to=file://${store}`];
        await run(0, "publish", path, ...named);
      }
      const folder = join(store, place);
      await Deno.chmod(folder, 0o555);
      const [entries, before] = [await run(0, "catalog:ls"), await treeOf(store)];
      const prune = ["publish:prune", `--from=file://${store}`, "--keep=0"];
      for (const more of [["--dry-run"], []]) {
        const { stderr } = await run(5, ...prune, ...more);
        assertStringIncludes(stderr, `Cannot write "${folder}": `);
        assertStringIncludes(stderr, "hint: let this user write there, or name another store");
        assertEquals([await run(0, "catalog:ls"), await treeOf(store)], [entries, before]);
      }
      await Deno.chmod(folder, 0o755);
      await run(0, ...prune);
    },
  );
}

realTest(
  "publish:prune and its dry run refuse a store in which they may not even note what waits for a pin",
  programs,
  async () => {
    await using ground = await plainGround(2);
    const store = join(ground.dir, "store");
    const at = `--catalog=${ground.options.catalog}`;
    const run = (...args: string[]) => {
      const options = { cacheDir: join(ground.dir, "cache"), bound: true };
      return runKedge([...args, at, "--quiet"], options);
    };
    for (const [index, path] of ground.options.paths.entries()) {
      const named = ["--name=plain", `--version=${index}`, `--to=file://${store}`];
      assertEquals((await run("publish", path, ...named)).code, 0);
    }
    const paths = (await namesIn(store, ".narinfo")).map((name) => [name.slice(0, 32), "sha256:x"]);
    const [kedge, nar] = [join(store, ".kedge"), join(store, "nar")];
    await Deno.writeTextFile(join(kedge, "pins", "other.json"), JSON.stringify({ paths }));
    await Deno.chmod(kedge, 0o555);
    const before = await treeOf(store);
    const prune = ["publish:prune", `--from=file://${store}`, "--keep=0"];
    for (const more of [["--dry-run"], []]) {
      const { code, stderr } = await run(...prune, ...more);
      assertEquals(code, 5, stderr);
      assertStringIncludes(stderr, `Cannot write "${kedge}": `);
      assertEquals(await treeOf(store), before);
    }
    await Deno.chmod(kedge, 0o755);
    await Deno.chmod(nar, 0o555);
    for (const more of [["--dry-run"], []]) {
      const { code, stderr } = await run(...prune, ...more);
      assertEquals(code, 0, stderr);
    }
    await Deno.chmod(nar, 0o755);
  },
);

realTest(
  "publish:prune leaves old pins, and what killed runs left beside them, where this user may not write",
  programs,
  async () => {
    await using ground = await plainGround(2);
    const store = join(ground.dir, "store");
    const run = async (...args: string[]) => {
      const options = { cacheDir: join(ground.dir, "cache"), bound: true };
      const { code, stdout, stderr } = await runKedge(
        [...args, `--catalog=${ground.options.catalog}`],
        options,
      );
      assertEquals(code, 0, stderr);
      return stdout + stderr;
    };
    for (const [index, path] of ground.options.paths.entries()) {
      await run("publish", path, "--name=plain", `--version=${index}`, `--to=file://${store}`);
    }
    const pins = join(store, ".kedge", "pins");
    for (const name of ["left.json", `x.json.tmp-${2 ** 22 + 1}-00000000`]) {
      await Deno.writeTextFile(join(pins, name), `{"paths":[]}`);
      await Deno.utime(join(pins, name), 1, 1);
    }
    await Deno.chmod(pins, 0o555);
    const before = await treeOf(pins);
    const prune = ["publish:prune", `--from=file://${store}`, "--keep=0"];
    assertStringIncludes(await run(...prune), "plain@0/");
    assertEquals(await treeOf(pins), before);
    await Deno.chmod(pins, 0o755);
    assertStringIncludes(await run(...prune), "killed runs left 12 B");
    assertEquals([...(await treeOf(pins)).keys()], ["/"]);
  },
);

realTest(
  "publish writes a catalog by a link in a folder in which this user may not write, and foresees what holds for that of the file",
  programs,
  async () => {
    await using ground = await plainGround(2);
    const [links, real] = [join(ground.dir, "links"), join(ground.dir, "real")];
    const catalog = `sqlite://${links}/catalog.db`;
    await Promise.all([links, real].map((folder) => Deno.mkdir(folder)));
    await Deno.symlink("../real/catalog.db", join(links, "catalog.db"));
    await Deno.chmod(links, 0o555);
    const publish = (version: string) =>
      runKedge([
        ...["publish", ...ground.options.paths, "--name=plain", `--version=${version}`, "--quiet"],
        ...[`--catalog=${catalog}`, `--to=file://${join(ground.dir, "store")}`],
      ], { cacheDir: join(ground.dir, "cache"), bound: true });
    for (const version of ["1", "2"]) {
      const { code, stderr } = await publish(version);
      assertEquals(code, 0, stderr);
    }
    await Deno.chmod(links, 0o755);
    await Deno.chmod(real, 0o555);
    const { code, stderr } = await publish("3");
    assertEquals(code, 5, stderr);
    assertStringIncludes(stderr, `Cannot write the catalog "${catalog}": `);
    await Deno.chmod(real, 0o755);
  },
);

realTest(
  "publish:keygen and its dry run refuse a folder in which this user may not write",
  programs,
  async () => {
    await using ground = await plainGround(0);
    const folder = join(ground.dir, "locked");
    await Deno.mkdir(folder, { mode: 0o555 });
    const file = join(folder, "key");
    for (const more of [["--dry-run"], []]) {
      const { code, stderr } = await runKedge(
        ["publish:keygen", "acme-1", file, "--quiet", ...more],
        { cacheDir: join(ground.dir, "cache"), bound: true },
      );
      assertEquals(code, 5, stderr);
      assertStringIncludes(stderr, `Cannot write the key "${file}": `);
      assertStringIncludes(stderr, "hint: name a file in a folder that this user may write to");
    }
    assertEquals(await Array.fromAsync(Deno.readDir(folder)), []);
  },
);
