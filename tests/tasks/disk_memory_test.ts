import { assert, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { noise } from "../support/disk.ts";
import { DiskWorld } from "../support/disk_world.ts";

const root = new URL("../../", import.meta.url);

/** The most memory that a push takes on two cores, in bytes, in a process of its own. */
async function memoryOfPush(folder: string, options: object): Promise<number> {
  const href = (path: string) => JSON.stringify(new URL(path, root).href);
  const program = `${folder}/program.ts`;
  await Deno.writeTextFile(
    program,
    `
    import { Cache } from ${href("lib/cache/cache.ts")};
    import { pushDisk } from ${href("tasks/disk.ts")};
    Object.defineProperty(navigator, "hardwareConcurrency", { value: 2 });
    await pushDisk(${JSON.stringify(options)}, { cache: new Cache("${folder}/cache") });
    console.log(/VmHWM:\\s+(\\d+) kB/.exec(await Deno.readTextFile("/proc/self/status"))[1]);
  `,
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
  name: "pushDisk() takes at most 300 MB, also for the largest chunks",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    const file = await world.write("disk", noise(500_000_000));
    const options = { file, reference, chunker: "cdc", chunkBytes: 4 * 1024 * 1024 };
    const bytes = await memoryOfPush(world.folder, options);
    assert(bytes < 300_000_000, `${bytes} bytes`);
  },
});
