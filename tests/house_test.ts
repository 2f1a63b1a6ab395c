/** The house stands as its plan says: arrows between the floors point down, and only the reports print. */
import { assertEquals } from "@std/assert";
import { walk } from "@std/fs";
import { dirname, fromFileUrl, join, relative } from "@std/path";
import { importsOf } from "../scripts/release.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** From the top; floors on one line do not see each other. */
const floors: readonly (readonly string[])[] = [
  ["mod.ts"],
  ["tasks/builtin"],
  ["lib/report"],
  ["tasks"],
  ["lib/runner"],
  ["lib/disk", "lib/carry"],
  ["lib/operation"],
  ["lib/cache"],
  ["lib/journal"],
  ["lib/oci", "lib/nix", "lib/kexec", "lib/ssh", "lib/catalog", "lib/container"],
  ["lib/chunk"],
  ["lib/http"],
  ["lib/base"],
  ["lib/std"],
];

function floorOf(path: string): [line: number, name: string] {
  for (const [line, names] of floors.entries()) {
    const name = names.find((each) => path === each || path.startsWith(`${each}/`));
    if (name !== undefined) return [line, name];
  }
  throw new Error(`${path} stands on no floor`);
}

async function modules(): Promise<string[]> {
  const paths = ["mod.ts"];
  for (const folder of ["lib", "tasks"]) {
    for await (const { path } of walk(join(root, folder), { includeDirs: false })) {
      if (path.endsWith(".ts")) paths.push(relative(root, path));
    }
  }
  return paths.sort();
}

Deno.test("every import points down the house, or stays on its floor", async () => {
  const wrong: string[] = [];
  for (const path of await modules()) {
    const [line, name] = floorOf(path);
    for (const specifier of importsOf(await Deno.readTextFile(join(root, path)))) {
      if (!specifier.startsWith(".")) continue;
      const target = relative(root, join(root, dirname(path), specifier));
      const [targetLine, targetName] = floorOf(target);
      const fine = name === targetName || targetLine > line;
      if (!fine) wrong.push(`${path} -> ${target}`);
    }
  }
  assertEquals(wrong, []);
});

for (
  const [what, leftOut] of [
    ["no ring of imports in the house, those at need included", /^(import|export) type\b[^;]*;/gm],
    ["no ring of imports in the house, types included", /\bimport\("[^"]*"\)/g],
  ] as const
) {
  Deno.test(what, async () => {
    const graph = new Map<string, string[]>();
    for (const path of await modules()) {
      const source = await Deno.readTextFile(join(root, path));
      graph.set(
        path,
        importsOf(source.replace(leftOut, "")).filter((specifier) => specifier.startsWith("."))
          .map((specifier) => relative(root, join(root, dirname(path), specifier))),
      );
    }
    assertEquals(findRing(graph), undefined);
  });
}

Deno.test("no ring of folders in the house, types included", async () => {
  const graph = new Map<string, string[]>();
  for (const path of await modules()) {
    const folder = dirname(path);
    const targets = importsOf(await Deno.readTextFile(join(root, path)))
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => relative(root, join(root, folder, dirname(specifier))))
      .filter((target) => target !== folder);
    graph.set(folder, [...graph.get(folder) ?? [], ...targets]);
  }
  assertEquals(findRing(graph), undefined);
});

function findRing(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(node)) return [...trail.slice(trail.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const ring = visit(next, [...trail, node]);
      if (ring !== undefined) return ring;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const ring = visit(node, []);
    if (ring !== undefined) return ring;
  }
  return undefined;
}

Deno.test("nothing but lib/report writes to the terminal", async () => {
  const printers: string[] = [];
  for (const path of await modules()) {
    if (path.startsWith("lib/report/")) continue;
    const source = await Deno.readTextFile(join(root, path));
    const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
    if (/\bconsole\.|\bDeno\.std(out|err)\b/.test(code)) printers.push(path);
  }
  assertEquals(printers, []);
});

Deno.test("tests set variables of the process by environment() alone, one test module at a time", async () => {
  const wrong: string[] = [];
  for await (const { path } of walk(join(root, "tests"), { includeDirs: false })) {
    const name = relative(root, path);
    if (!name.endsWith(".ts") || name === "tests/support/environment.ts") continue;
    if (/\bDeno\.(env\.(set|delete)|chdir|umask)\(/.test(await Deno.readTextFile(path))) {
      wrong.push(name);
    }
  }
  assertEquals(wrong, []);
});
