/** How much memory a task of disks takes. @module */
import { assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { DiskWorld } from "./disk_world.ts";

const root = new URL("../../", import.meta.url);

/** The module that has a task. */
const pathOf = (task: string) => ["inspectDisk", "diffDisks"].includes(task) ? "inspect" : "disk";

/** The most memory that a task takes on so many cores, in bytes, in a process and with a cache of its own. */
export async function memoryOf(
  task: string,
  cores: number,
  options: object,
  { dryRun = false } = {},
): Promise<number> {
  await using world = await DiskWorld.make();
  const href = (path: string) => JSON.stringify(new URL(path, root).href);
  const program = await world.write(
    "program.ts",
    new TextEncoder().encode(`
      import { Cache } from ${href("lib/cache/cache.ts")};
      import { ${task} } from ${href(`tasks/disk/${pathOf(task)}.ts`)};
      Object.defineProperty(navigator, "hardwareConcurrency", { value: ${cores} });
      await ${task}(${JSON.stringify(options)}, { cache: new Cache("${
      world.path("cache")
    }"), dryRun: ${dryRun} });
      console.log(/VmHWM:\\s+(\\d+) kB/.exec(await Deno.readTextFile("/proc/self/status"))[1]);
    `),
  );
  const config = fromFileUrl(new URL("deno.json", root));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", config, program],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertMatch(text, /^\d+\n$/, new TextDecoder().decode(stderr));
  return Number(text) * 1024;
}
