// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * Names in each module that makes something ready all that is loaded with it.
 *
 * Deno reads the source map of each module that is the first to name another, which takes nearly as long as the module itself. What one
 * module names at once costs that one's alone.
 *
 * @module
 */
import { dirname, fromFileUrl, join, relative } from "@std/path";
import { type Loaded, loadedBy } from "./loaded_by.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** The modules that name what is loaded with them. */
export const hubs = [
  "tasks/builtin/run_ready.ts",
  "tasks/builtin/cli.ts",
  "tasks/builtin/image_ready.ts",
  "tasks/builtin/kexec_ready.ts",
  "tasks/builtin/registry_ready.ts",
];

const mark = "// All that is loaded with these, named by `deno run -A scripts/ready.ts`.";

/** What is loaded with a hub, and neither it nor a hub that it names says so; the doorways to other packages are not published. */
export function unnamedIn(loaded: Loaded, hub: string): string[] {
  const naming = [hub, ...loaded.get(hub)!.filter((path) => hubs.includes(path))];
  const named = new Set([hub, ...naming.flatMap((path) => loaded.get(path)!)]);
  return [...loaded.keys()].filter((path) =>
    /^(lib\/(?!std\/)|tasks\/)/.test(path) && !named.has(path)
  );
}

async function write(hub: string): Promise<void> {
  const source = await Deno.readTextFile(join(root, hub));
  const [head = "", tail = ""] = source.split(`${mark}\n`);
  const rest = tail.replace(/^import "[^"]*";\n/gm, "");
  await Deno.writeTextFile(join(root, hub), `${head}${mark}\n${rest}`);
  const names = unnamedIn(await loadedBy(hub), hub).map((path) => {
    const name = relative(dirname(hub), path);
    return `import "${name.startsWith(".") ? name : `./${name}`}";\n`;
  });
  await Deno.writeTextFile(join(root, hub), `${head}${mark}\n${names.join("")}${rest}`);
  console.log(`${hub}: ${names.length} named`);
}

if (import.meta.main) { for (const hub of hubs) await write(hub); }
