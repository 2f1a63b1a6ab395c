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
import { loadedBy } from "./loaded_by.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

const start = "lib/report/start.ts";
const run = ["lib/report/reporter_ready.ts", "lib/runner/run_ready.ts"];
const context = "lib/runner/context_ready.ts";

/** The modules that name what is loaded with them, and which of them are there before. */
export const hubs: Readonly<Record<string, readonly string[]>> = {
  [start]: [],
  "lib/report/reporter_ready.ts": [start],
  "lib/runner/run_ready.ts": [start],
  [context]: [start, ...run],
  "lib/operation/beyond_cache.ts": [start, ...run, context, "tasks/kexec/ready.ts"],
  "tasks/kexec/ready.ts": [],
  "tasks/image/ready.ts": [],
  "tasks/image/pulling.ts": [start, ...run, context, "tasks/image/ready.ts"],
  "tasks/disk/pulling.ts": [start, ...run, context, "tasks/disk/pull_operation.ts"],
  "tasks/publish/ready.ts": [],
  "tasks/builtin/cli.ts": [],
  "tasks/builtin/run_ready.ts": [start],
  "tasks/builtin/image_ready.ts": [start],
  "tasks/builtin/kexec_ready.ts": [start],
  "tasks/builtin/disk_pull_ready.ts": [start],
  "tasks/builtin/registry_ready.ts": [start],
};

const mark = "// All that is loaded with these, named by `deno run -A scripts/ready.ts`.";

/**
 * What is loaded with a hub, and neither it nor a hub that it names says so, nor was it there before; the doorways to other packages are
 * not published.
 */
export async function unnamedIn(hub: string): Promise<string[]> {
  const loaded = await loadedBy(hub);
  const named = new Set([hub]);
  const name = (path: string) => {
    for (const each of loaded.get(path)!) {
      named.add(each);
      if (each in hubs) name(each);
    }
  };
  name(hub);
  for (const before of hubs[hub]!) {
    for (const path of (await loadedBy(before)).keys()) named.add(path);
  }
  return [...loaded.keys()].filter((path) =>
    /^(lib\/(?!std\/)|tasks\/)/.test(path) && !named.has(path)
  );
}

async function write(hub: string): Promise<void> {
  const source = await Deno.readTextFile(join(root, hub));
  const [head = "", tail = ""] = source.split(`${mark}\n`);
  const rest = tail.replace(/^import "[^"]*";\n/gm, "");
  await Deno.writeTextFile(join(root, hub), `${head}${mark}\n${rest}`);
  const names = (await unnamedIn(hub)).map((path) => {
    const name = relative(dirname(hub), path);
    return `import "${name.startsWith(".") ? name : `./${name}`}";\n`;
  });
  await Deno.writeTextFile(join(root, hub), `${head}${mark}\n${names.join("")}${rest}`);
  console.log(`${hub}: ${names.length} named`);
}

if (import.meta.main) { for (const hub of Object.keys(hubs)) await write(hub); }
