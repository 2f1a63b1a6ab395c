// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * Publishes to JSR. The package is laid out in a temporary folder: the same sources without the doorways of `lib/std/`, and a
 * `deno.json` whose map leads `@std/...` and `@david/dax` to JSR itself.
 *
 * `--dry-run` lays the package out, checks that every import in it has a target, and lets `deno publish --dry-run` judge the
 * checkout (types, slow types, list of files); JSR itself is asked only by a real release.
 *
 * @module
 */
import { copy, walk } from "@std/fs";
import { dirname, fromFileUrl, join, relative } from "@std/path";

const root = fromFileUrl(new URL("..", import.meta.url));
const published = ["mod.ts", "lib", "tasks", "README.md", "SECURITY.md", "LICENSE"];

interface Config {
  name: string;
  version: string;
  imports: Record<string, string>;
  [key: string]: unknown;
}

/** The map that users of the package get: the doorways and what they lead to are gone, JSR stands in their place. */
export function releaseImports(imports: Readonly<Record<string, string>>): Record<string, string> {
  const map: Record<string, string> = {};
  for (const [name, target] of Object.entries(imports)) {
    if (name.startsWith("@std/")) map[name] = name.replace(/^(@std\/[^/]+)/, "jsr:$1@^1");
    else if (name === "@david/dax") map[name] = target.replace(/^npm:dax@/, "jsr:@david/dax@");
    else if (name !== "deno-std/" && !name.startsWith("@kedge/kedge")) map[name] = target;
  }
  return map;
}

/** Lays the package out in a folder. */
export async function layOut(folder: string): Promise<void> {
  const config: Config = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  for (const name of published) await copy(join(root, name), join(folder, name));
  await Deno.remove(join(folder, "lib", "std"), { recursive: true });
  const sources = await moduleSources(folder);
  const used = new Set([...sources.values()].flatMap(importsOf));
  const imports = Object.entries(releaseImports(config.imports))
    .filter(([name]) => [...used].some((specifier) => leadsTo(specifier, name)));
  await Deno.writeTextFile(
    join(folder, "deno.json"),
    JSON.stringify(
      {
        name: config.name,
        version: config.version,
        description: config["description"],
        license: config["license"],
        exports: config["exports"],
        imports: Object.fromEntries(imports),
        compilerOptions: config["compilerOptions"],
      },
      null,
      2,
    ),
  );
}

/** The imports of a laid-out package that lead nowhere, each with the file that has it. */
export async function danglingImports(folder: string): Promise<string[]> {
  const config: Config = JSON.parse(await Deno.readTextFile(join(folder, "deno.json")));
  const names = Object.keys(config.imports);
  const sources = await moduleSources(folder);
  const dangling: string[] = [];
  for (const [path, text] of sources) {
    for (const specifier of importsOf(text)) {
      const found = specifier.startsWith(".")
        ? sources.has(join(dirname(path), specifier))
        : specifier.startsWith("node:") || names.some((name) => leadsTo(specifier, name));
      if (!found) dangling.push(`${relative(folder, path)}: ${specifier}`);
    }
  }
  return dangling;
}

function leadsTo(specifier: string, name: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`);
}

async function moduleSources(folder: string): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  for await (const { path } of walk(folder, { includeDirs: false })) {
    if (path.endsWith(".ts")) sources.set(path, await Deno.readTextFile(path));
  }
  return sources;
}

/** The specifiers that a module imports, static or not; what stands in a comment does not count. */
export function importsOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const statements = /^(?:import\s+|(?:import|export)\b[^"';]*?\bfrom\s+)"([^"]+)"/gm;
  const calls = /\bimport\(\s*"([^"]+)"\s*\)/g;
  return [...code.matchAll(statements), ...code.matchAll(calls)].map((match) => match[1]!);
}

async function deno(args: readonly string[], cwd: string): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return success;
}

if (import.meta.main) {
  const dryRun = Deno.args.includes("--dry-run");
  const folder = await Deno.makeTempDir({ prefix: "kedge-release-" });
  try {
    await layOut(folder);
    const dangling = await danglingImports(folder);
    for (const line of dangling) console.error(`leads nowhere: ${line}`);
    const fine = dangling.length === 0 &&
      (dryRun
        ? await deno(["publish", "--dry-run", "--allow-dirty", "--quiet"], root)
        : await deno(["publish", ...Deno.args], folder));
    if (!fine) Deno.exitCode = 1;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
