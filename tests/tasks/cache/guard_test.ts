import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { liesIn } from "../../../lib/base/lies_in.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { runKedge } from "../../support/program.ts";
import { treeOf } from "../../support/tree.ts";

const mod = new URL("../../../mod.ts", import.meta.url);

/** A cache folder with something in it, and a project inside of it. */
async function withProject(
  run: (where: { folder: string; cache: string; project: string; file: string }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-guard-" });
  const cache = join(folder, "cache");
  const project = join(cache, "work", "project");
  try {
    await new Cache(cache).ensure(project);
    const file = join(project, "tasks.ts");
    await Deno.writeTextFile(
      file,
      `import { main, task } from ${JSON.stringify(mod)};
const hello = task({ name: "hello", description: "Greet", run: () => "hi", output: (text) => text });
if (import.meta.main) await main({ hello });
`,
    );
    await run({ folder, cache, project, file });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function refused(
  args: readonly string[],
  options: Parameters<typeof runKedge>[1],
): Promise<void> {
  const { code, stderr } = await runKedge(args, options);
  assertEquals(code, 2, stderr);
  assertStringIncludes(stderr, "the project");
  assertStringIncludes(stderr, "--cache-dir");
}

Deno.test("a run is refused in the cache folder, and in a folder of it, and leaves it as it is", () =>
  withProject(async ({ cache, project }) => {
    const tree = await treeOf(cache);
    await refused(["cache:prune"], { cacheDir: cache, cwd: cache });
    await refused(["cache:clean"], { cacheDir: cache, cwd: project });
    assertEquals(await treeOf(cache), tree);
  }));

Deno.test("a file in the place of the cache folder is refused, whatever is asked of it", async () => {
  const file = await Deno.makeTempFile({ prefix: "kedge-guard-" });
  try {
    const url = "http://127.0.0.1:1/b.tar.gz";
    for (
      const args of [
        ["cache:size"],
        ["cache:ls"],
        ["cache:why", "k"],
        ["cache:verify"],
        ["cache:prune"],
        ["cache:clean"],
        ["kexec", "--url", url],
        ["kexec", "--url", url, "--dry-run"],
      ]
    ) {
      const { code, stdout, stderr } = await runKedge(args, { cacheDir: file });
      assertEquals([code, stdout, stderr], [
        2,
        "",
        `error: Cannot use "${file}" as the cache: it is not a folder\n` +
        "hint: name a folder, or a path where nothing is yet, with --cache-dir\n",
      ]);
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("what only asks is answered in the cache folder too", () =>
  withProject(async ({ cache, project }) => {
    const { code, stdout } = await runKedge(["cache:dir"], { cacheDir: cache, cwd: project });
    assertEquals([code, stdout], [0, `${cache}\n`]);
  }));

Deno.test("a run is refused in a cache folder that is reached by a link, on either side", () =>
  withProject(async ({ folder, cache, project }) => {
    await Deno.symlink(cache, join(folder, "link"));
    await refused(["cache:prune"], { cacheDir: join(folder, "link"), cwd: project });
    const cwd = join(folder, "link", "work");
    await refused(["cache:prune"], { cacheDir: cache, cwd });
  }));

Deno.test("a task file in the cache folder is refused, wherever it is run from", () =>
  withProject(async ({ folder, cache, file }) => {
    await refused(["hello"], { cacheDir: cache, cwd: folder, program: file });
    const elsewhere = join(folder, "other");
    const { code, stdout } = await runKedge(["hello"], {
      cacheDir: elsewhere,
      cwd: folder,
      program: file,
    });
    assertEquals([code, stdout], [0, "hi\n"]);
  }));

Deno.test("a run is refused in a folder of somebody else's, before even the journal is written there", () =>
  withProject(async ({ folder, file }) => {
    const theirs = join(folder, "theirs");
    await Deno.mkdir(theirs);
    await Deno.writeTextFile(join(theirs, "thesis.txt"), "all of it");
    const tree = await treeOf(theirs);
    const { code, stderr } = await runKedge(["hello"], {
      cacheDir: theirs,
      cwd: folder,
      program: file,
    });
    assertEquals(code, 2, stderr);
    assertStringIncludes(stderr, `it is not kedge's, it holds "thesis.txt"`);
    assertEquals(await treeOf(theirs), tree);
  }));

Deno.test("a relative parent as the cache folder of a project is refused", () =>
  withProject(async ({ folder, project }) => {
    for (const dir of ["..", "../../..", "."]) {
      await refused(["cache:prune", "--cache-dir", dir], {
        cacheDir: join(folder, "other"),
        cwd: project,
      });
    }
  }));

Deno.test("--no-cache runs in the cache folder all the same", () =>
  withProject(async ({ cache, project, file }) => {
    const { code, stdout } = await runKedge(["--no-cache", "hello"], {
      cacheDir: cache,
      cwd: project,
      program: file,
    });
    assertEquals([code, stdout], [0, "hi\n"]);
  }));

for (
  const [what, cacheOf, expected] of [
    [
      "warns of a cache folder in what it publishes",
      (f: string) => join(f, "src", "c"),
      true,
    ],
    ["warns of one that is there by a link", (f: string) => join(f, "link"), true],
    ["does not warn of one outside", (f: string) => join(f, "src-cache"), false],
  ] as const
) {
  Deno.test(`publish() ${what}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-guard-" });
    try {
      await Deno.mkdir(join(folder, "src", "real"), { recursive: true });
      await Deno.writeTextFile(join(folder, "src", "file"), "x");
      await Deno.symlink(join(folder, "src", "real"), join(folder, "link"));
      const events: OperationEvent[] = [];
      await publish({
        name: "src",
        version: "1.0.0",
        paths: [join(folder, "src")],
        stores: [`file://${join(folder, "store")}`],
        catalog: `sqlite://${join(folder, "catalog.db")}`,
      }, {
        cache: new Cache(cacheOf(folder)),
        dryRun: true,
        report: (event) => events.push(event),
      });
      const warned = events.some((event) =>
        event.type === "note" && /^the cache .* is published with it$/.test(event.message)
      );
      assertEquals(warned, expected);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("liesIn() goes by names as a whole, and by what need not be there yet", () => {
  assertEquals(liesIn("/none/a/b", "/none/a"), true);
  assertEquals(liesIn("/none/a", "/none/a"), true);
  assertEquals(liesIn("/none/ab", "/none/a"), false);
  assertEquals(liesIn("/none/..a", "/none"), true);
  assertEquals(liesIn("/none", "/none/a"), false);
});
