/** What the image tasks say where this user may not read or write a layout. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { inFolder } from "../../support/in_folder.ts";
import { putContent, randomBytes, writeImage } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { runUnasked } from "../../support/run_unasked.ts";

realTest(
  "the image tasks say which layout they may not read or write, and that this is not allowed",
  ["bound"],
  () =>
    inFolder(async (folder) => {
      const store = `oci:${join(folder, "store")}`;
      const hidden = `oci:${join(folder, "hidden")}`;
      for (const name of ["store", "hidden"]) {
        await writeImage(join(folder, name), "1", { layers: ["one"] });
      }
      await Deno.mkdir(join(folder, "closed"), { mode: 0o555 });
      await Deno.chmod(join(folder, "hidden", "index.json"), 0o000);
      const into = `oci:${join(folder, "closed", "in")}`;
      const refused = async (args: string[], state: string) => {
        const run = await runKedge(args, { cacheDir: join(folder, "cache"), bound: true });
        assertEquals(run.code, 5, run.stderr);
        assertStringIncludes(run.stderr, `error: ${state}: Permission denied (os error 13): `);
        assertStringIncludes(run.stderr, "hint: run it as a user who may");
      };
      await refused(
        ["image:sync", `${store}:1`, `${into}:1`],
        `Cannot sync "${store}:1" to "${into}:1"`,
      );
      await refused(
        ["image:sync", `${hidden}:1`, `${store}:2`],
        `Cannot sync "${hidden}:1" to "${store}:2"`,
      );
      await refused(["image:sync", hidden, store, "--tags=.*"], `Cannot list "${hidden}"`);
      await refused(["image:ls", hidden], `Cannot list "${hidden}"`);
      await refused(["image:inspect", `${hidden}:1`], `Cannot read "${hidden}:1"`);
      await refused(["image:diff", `${store}:1`, `${hidden}:1`], `Cannot read "${hidden}:1"`);
      await refused(["image:gc", "--dry-run", hidden], `Cannot collect "${hidden}"`);
      await refused(["image:rm", "--dry-run", `${hidden}:1`], `Cannot remove "${hidden}:1"`);
    }),
);

realTest("image:sync says which blob of a layout it may not read, and tries that no second time", [
  "bound",
], () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    const layer = randomBytes(2_000_000);
    await writeImage(join(folder, "from"), "1", { layers: [layer] });
    await Deno.chmod(new Layout(join(folder, "from")).blobPath(sha256(layer)), 0o000);
    const [from, to] = [`oci:${join(folder, "from")}:1`, `docker://${registry.host}/a:1`];
    const run = await runKedge(["image:sync", from, to], {
      cacheDir: join(folder, "cache"),
      bound: true,
    });
    assertEquals(run.code, 5, run.stderr);
    const state = `error: Cannot sync "${from}" to "${to}": Permission denied (os error 13): `;
    assertStringIncludes(run.stderr, state);
    assert(!run.stderr.includes("beginning anew"), run.stderr);
  }));

Deno.test({
  name: "image:sync says to which layout it cannot copy where a path leads in a circle",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      await writeImage(join(folder, "from"), "1", { layers: ["one"] });
      await Deno.symlink("loop", join(folder, "loop"));
      const from = `oci:${join(folder, "from")}:1`;
      for (const name of ["loop", "loop/a"]) {
        const to = `oci:${join(folder, name)}:1`;
        const { code, stderr } = await runKedge(["image:sync", from, to], {
          cacheDir: join(folder, "cache"),
        });
        assertEquals(code, 1);
        assertStringIncludes(stderr, `error: Cannot sync "${from}" to "${to}": `);
      }
    }),
});

Deno.test("image:sync says what stands in the way where a folder of a layout belongs", () =>
  inFolder(async (folder) => {
    await writeImage(join(folder, "from"), "1", { layers: ["one"] });
    const from = `oci:${join(folder, "from")}:1`;
    const ways: [name: string, put: (path: string) => Promise<void>][] = [
      ["blobs", (path) => Deno.writeTextFile(path, "")],
      [join("blobs", "sha256"), (path) => Deno.symlink("/nowhere/at/all", path)],
      [".kedge", (path) => Deno.writeTextFile(path, "")],
    ];
    for (const [name, put] of ways) {
      const layout = new Layout(await Deno.makeTempDir({ dir: folder }));
      await layout.make();
      await Deno.remove(join(layout.folder, name), { recursive: true });
      await put(join(layout.folder, name));
      const to = `oci:${layout.folder}:1`;
      const { code, stderr } = await runKedge(["image:sync", from, to], {
        cacheDir: join(folder, "cache"),
      });
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, `error: Cannot sync "${from}" to "${to}": `);
      assertStringIncludes(stderr, "hint: something else stands where a folder belongs");
    }
  }));

Deno.test("image:sync looks at no folder but those that it may, where the image is small", () =>
  inFolder(async (folder) => {
    const at = (name: string) => join(folder, name);
    await writeImage(at("from"), "1", { layers: ["one"] });
    await Deno.mkdir(at("cache"));
    const root = fromFileUrl(new URL("../../../", import.meta.url));
    const written = [at("to"), at("cache")];
    const permissions = [
      "--no-prompt",
      "--allow-env",
      `--allow-read=${[at("from"), root, ...written]}`,
      `--allow-write=${written}`,
    ];
    const args = ["image:sync", `oci:${at("from")}:1`, `oci:${at("to")}:1`];
    for (const more of [["--dry-run"], []]) {
      const audit = at(`audit${more}`);
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", ...permissions, join(root, "mod.ts"), ...args, ...more],
        env: { KEDGE_CACHE_DIR: at("cache"), DENO_AUDIT_PERMISSIONS: audit },
        stdin: "null",
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      const lines = (await Deno.readTextFile(audit)).trim().split("\n");
      const values = lines.map((line) => JSON.parse(line).value);
      assertEquals([values.includes(at("to")), values.includes(folder)], [true, false], `${more}`);
    }
  }));

realTest(
  "a dry run of the image tasks finds that a layout, or the cache, may not be written, as the run does",
  ["bound"],
  () =>
    inFolder(async (folder) => {
      await using registry = new FakeRegistry();
      const closed = join(folder, "closed");
      const cacheDir = join(folder, "cache");
      await writeImage(closed, "1", { layers: ["one"] });
      await writeImage(join(folder, "open"), "2", { layers: ["two"] });
      const [image, remote] = [`oci:${join(folder, "open")}:2`, `docker://${registry.host}/a:2`];
      await syncImage({ from: image, to: remote }, { cache: new Cache(join(folder, "other")) });
      const places = [closed, join(closed, "blobs", "sha256"), join(closed, ".kedge")];
      const run = async (args: string[], codes: number[], cache = cacheDir) => {
        const got: number[] = [];
        for (const more of [["--dry-run"], []]) {
          const { code, stderr } = await runKedge([...args, ...more], {
            cacheDir: cache,
            bound: true,
          });
          got.push(code);
          if (codes.includes(5)) assertMatch(stderr, /permission denied/i);
        }
        assertEquals(got, codes, args.join(" "));
      };
      await Deno.mkdir(places[2]!, { recursive: true });
      for (const place of places) {
        await Deno.chmod(place, 0o555);
        await run(["image:sync", image, `oci:${closed}:2`], [5, 5]);
        if (place === closed) await run(["image:rm", `oci:${closed}:1`], [5, 5]);
        const sweep = ["image:gc", `oci:${closed}`, "--grace=0s"];
        await run(sweep, place === places[1] ? [5, 5] : [0, 0]);
        await putContent(closed, "left", "text/plain");
        // What is there already is left as it is.
        await run(["image:sync", `oci:${closed}:1`, `oci:${closed}:1`], [0, 0]);
        await Deno.chmod(place, 0o755);
      }
      await Deno.writeTextFile(join(closed, ".kedge", "lock"), "");
      await Deno.chmod(join(closed, ".kedge", "lock"), 0o444);
      await run(["image:rm", `oci:${closed}:1`], [5, 5]);
      await run(["image:gc", `oci:${closed}`], [5, 5]);
      await Deno.chmod(join(closed, ".kedge", "lock"), 0o644);

      const both = ["image:sync", remote, `oci:${closed}:2`, "--also", `oci:${closed}:3`];
      await Deno.mkdir(join(folder, "shut"), { mode: 0o555 });
      await run(both, [5, 5], join(folder, "shut"));
      await Deno.mkdir(join(folder, "foreign"));
      await Deno.writeTextFile(join(folder, "foreign", "notes.txt"), "");
      await run(both, [2, 2], join(folder, "foreign"));
      await run(both, [0, 0]);
      await run(["image:rm", `oci:${closed}:1`], [0, 0]);
      await run(["image:gc", `oci:${closed}`], [0, 0]);
    }),
);

realTest("image:sync asks on a terminal for no permission only to see how much room there is", [
  "script",
], () =>
  inFolder(async (folder) => {
    const [from, out, cache] = ["from", "out", "cache"].map((name) => join(folder, name));
    await writeImage(from!, "a", { layers: [randomBytes(2_000_000)] });
    // The second time the layout is there.
    for (const tag of ["a", "b"]) {
      const { code, written } = await runUnasked(
        ["image:sync", "--cache-dir", cache!, `oci:${from}:${tag}`, `oci:${out}:${tag}`],
        { folder, files: [from!, out!, cache!] },
      );
      assertEquals(code, 0, written);
      await writeImage(from!, "b", { layers: [randomBytes(2_000_000)] });
    }
  }));
