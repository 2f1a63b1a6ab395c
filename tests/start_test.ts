/** What a start loads: a list, a task that does nothing and what the cache holds already are to cost little more than an empty program. */
import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { loadedBy } from "../scripts/loaded_by.ts";
import { hubs, unnamedIn } from "../scripts/ready.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** The modules that are loaded before the first line of a module runs. */
async function pathsLoadedBy(path: string): Promise<string[]> {
  return [...(await loadedBy(path)).keys()].sort();
}

/** What of it comes from elsewhere, all of `@std/path` as one. */
function foreign(loaded: readonly string[]): string[] {
  const names = loaded.filter((path) => /^(npm|node):/.test(path))
    .map((path) => path.replace(/^npm:\/?/, "").replace(/\/path\/posix\/.*/, "/path"));
  return [...new Set(names)].sort();
}

/** The modules that load a part of Node at once. The first one costs a program as much as its whole start. */
async function loadingNode(loaded: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of loaded) {
    if (!path.endsWith(".ts")) continue;
    const source = await Deno.readTextFile(join(root, path));
    if (/^import (?!type |defer )[^;]*"node:/m.test(source)) found.push(path);
  }
  return found;
}

/** The floors below the task functions of which a list needs nothing. */
const rooms = /^lib\/(operation|journal|oci|nix|kexec|ssh|catalog|container|chunk|http|cache)\//;

Deno.test("a list loads the runner alone, and none of the rooms", async () => {
  const loaded = await pathsLoadedBy("lib/report/main.ts");
  assertEquals(loaded.filter((path) => rooms.test(path)), [
    "lib/http/display_url.ts",
    "lib/operation/error_data.ts",
  ]);
  assertEquals(foreign(loaded), ["deno-std@1.3.0/cli/parse_args.js", "deno-std@1.3.0/path"]);
});

Deno.test("the library loads nothing large before a task runs", async () => {
  const loaded = await pathsLoadedBy("mod.ts");
  assertEquals(foreign(loaded), [
    "deno-std@1.3.0/cli/parse_args.js",
    "deno-std@1.3.0/path",
  ]);
  assertEquals(
    loaded.filter((path) => /^lib\/(oci|nix|ssh|catalog|container|chunk|http)\//.test(path)),
    [
      "lib/catalog/catalog_conflict_error.ts",
      "lib/http/display_url.ts",
      "lib/oci/reference.ts",
      "lib/oci/reference_grammar.ts",
      "lib/oci/refused_reference.ts",
    ],
  );
});

Deno.test("a task that does nothing loads of the cache only what looks at its folder", async () => {
  const loaded = await pathsLoadedBy("lib/runner/run_task.ts");
  assertEquals(loaded.filter((path) => rooms.test(path)), [
    "lib/cache/cache_dir.ts",
    "lib/cache/check_project.ts",
    "lib/cache/markers.ts",
    "lib/cache/own_folder.ts",
    "lib/cache/refresh.ts",
    "lib/http/display_url.ts",
    "lib/journal/journal.ts",
    "lib/journal/journal_file.ts",
    "lib/journal/read_row.ts",
    "lib/operation/error_data.ts",
  ]);
});

for (
  const [what, path] of [
    ["a task that does nothing", "lib/runner/run_task.ts"],
    ["the built-in tasks", "tasks/builtin/mod.ts"],
    ["a bundle that is cached", "tasks/kexec/download.ts"],
    ["an image that is unchanged", "tasks/image/sync.ts"],
  ] as const
) {
  Deno.test(`${what}: no module loads a part of Node at once, or the shell`, async () => {
    const loaded = await pathsLoadedBy(path);
    assertEquals(await loadingNode(loaded), []);
    assertEquals(loaded.filter((each) => /npm:\/?dax@/.test(each)), []);
  });
}

for (const hub of Object.keys(hubs)) {
  Deno.test(`${hub} names all that is loaded with it (deno run -A scripts/ready.ts)`, async () => {
    assertEquals(await unnamedIn(hub), []);
  });
}
