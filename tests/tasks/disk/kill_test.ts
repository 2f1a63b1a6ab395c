import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { type PullDiskResult, pushDisk } from "../../../tasks/disk/disk.ts";
import { join, noise } from "../../support/disk.ts";
import { DiskProxy } from "../../support/disk_proxy.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge, spawnKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

const first = join(noise(30_000_000, 3), new Uint8Array(2_000_000), noise(8_000_000, 4));
const second = join(first.subarray(20_000_000), noise(5_000_000, 7), first.subarray(0, 20_000_000));

/** Starts the program, kills it once the condition holds, and waits for its end; tells whether it was still at work. */
async function killWhen(
  args: string[],
  cacheDir: string,
  condition: () => boolean,
  signal: Deno.Signal = "SIGKILL",
): Promise<boolean> {
  const child = spawnKedge(args, { cacheDir });
  const ended = child.output();
  let over = false;
  ended.then(() => over = true);
  while (!condition() && !over) await delay(5);
  const atWork = !over;
  if (atWork) child.kill(signal);
  await ended;
  return atWork;
}

/** Runs the program to its end, and gives the value of its result. */
async function finish(args: string[], cacheDir: string): Promise<PullDiskResult> {
  const { code, stdout, stderr } = await runKedge([...args, "--json"], { cacheDir });
  assertEquals(code, 0, stderr + stdout.slice(-500));
  const result = stdout.trim().split("\n").map((line) => JSON.parse(line))
    .find((event) => event.type === "result");
  return result.value;
}

for (const inPlace of [false, true]) {
  realTest(
    `a pull ${
      inPlace ? "in place" : "beside"
    } survives kill -9 and Ctrl-C at any time, and goes on at the chunk`,
    ["docker-registry"],
    async () => {
      await using world = await DiskWorld.make();
      await using registry = await startRegistry();
      const direct = `docker://${registry.host}/acme/disk:1`;
      await pushDisk(
        { file: await world.write("disk", second), reference: direct, chunker: "cdc" },
        world.machine(),
      );
      await using proxy = new DiskProxy(registry.host);
      const reference = `docker://${proxy.host}/acme/disk:1`;
      const out = inPlace ? await world.write("out", first.subarray(0, 25_000_000)) : "out";
      const path = inPlace ? out : world.path(out);
      const args = ["disk:pull", reference, path, ...(inPlace ? ["--in-place"] : [])];
      args.push("--concurrency", "1");
      const cacheDir = world.path("cache");

      let moved = 0;
      for (const part of [0, 0.1, 0.3, 0.6]) {
        proxy.behaviour.bytesPerSecond = 12_000_000;
        const from = proxy.bytes;
        const atWork = await killWhen(args, cacheDir, () => {
          const now = proxy.bytes - from;
          return part === 0 ? now > 0 : now > part * 15_000_000;
        }, part === 0.3 ? "SIGINT" : "SIGKILL");
        moved += proxy.bytes - from;
        assert(atWork, "it was killed at work");
        if (!inPlace) assert(!(await world.names()).includes("out"), "nothing has the name yet");
      }
      delete proxy.behaviour.bytesPerSecond;
      const result = await finish(args, cacheDir);
      await world.holds("out", second);
      // Each kill costs at most the range in flight and what waits in buffers.
      const wanted = inPlace ? 18_500_000 : 43_500_000;
      assert(
        moved + result.bytesMoved < wanted + 4 * 8_000_000,
        `${moved} + ${result.bytesMoved} for ${wanted}`,
      );
      if (!inPlace) assert(result.bytesMoved < wanted - 8_000_000, String(result.bytesMoved));
    },
  );
}

realTest(
  "a push survives kill -9, and sends no pack twice that had arrived",
  ["docker-registry"],
  async () => {
    await using world = await DiskWorld.make();
    await using registry = await startRegistry();
    await using proxy = new DiskProxy(registry.host);
    const reference = `docker://${proxy.host}/acme/disk:1`;
    const data = join(noise(60_000_000, 11), noise(60_000_000, 12));
    const file = await world.write("disk", data);
    const cacheDir = world.path("cache");
    const args = ["disk:push", file, reference, "--concurrency", "1"];
    const uploads = () => proxy.count("PUT", "/blobs/uploads/");
    assert(await killWhen(args, cacheDir, () => proxy.requests.length > 0));
    assert(
      await killWhen(args, cacheDir, () => uploads() >= 2),
      "killed while the second pack went",
    );
    const push = await finish(args, cacheDir);
    assert(push.bytesMoved < 80_000_000, String(push.bytesMoved));
    const pull = await finish(["disk:pull", reference, world.path("out")], world.path("cache2"));
    await world.holds("out", data);
    assertEquals(pull.digest, push.digest);
    const fresh = await pushDisk(
      { file, reference: `oci:${world.path("store")}:1` },
      world.machine(),
    );
    assertEquals(fresh.digest, push.digest, "the digest is that of a push without a kill");
  },
);
