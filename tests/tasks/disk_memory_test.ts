import { assert, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { noise } from "../support/disk.ts";
import { DiskWorld } from "../support/disk_world.ts";

const root = new URL("../../", import.meta.url);

/** The most memory that a push of a file in the largest chunks takes on so many cores, in bytes, in a process of its own. */
async function memoryOfPush(cores: number, file: string): Promise<number> {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const options = { file, reference, chunker: "cdc", chunkBytes: 4 * 1024 * 1024 };
  const href = (path: string) => JSON.stringify(new URL(path, root).href);
  const program = await world.write(
    "program.ts",
    new TextEncoder().encode(`
      import { Cache } from ${href("lib/cache/cache.ts")};
      import { pushDisk } from ${href("tasks/disk.ts")};
      Object.defineProperty(navigator, "hardwareConcurrency", { value: ${cores} });
      await pushDisk(${JSON.stringify(options)}, { cache: new Cache("${world.path("cache")}") });
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

Deno.test({
  name: "pushDisk() takes at most 300 MB, also for the largest chunks on many cores",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const file = await world.write("disk", noise(500_000_000));
    for (const cores of [2, 8]) {
      const bytes = await memoryOfPush(cores, file);
      assert(bytes < 300_000_000, `${bytes} bytes on ${cores} cores`);
    }
  },
});
