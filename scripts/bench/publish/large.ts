import { delay } from "@std/async";
import { join } from "@std/path";
import { startDavCache } from "../../../tests/support/binary_cache.ts";
import type { NixWorld } from "../../../tests/support/nix.ts";
import { bytesIn, fresh, kedge, row, timed } from "./support.ts";

/**
 * Kills a publish to a server, or to a folder of another file system, when half of the bytes are there, and measures what the next run sends.
 */
export async function killAtHalf(
  world: NixWorld,
  name: string,
  top: string,
  wholeBytes: number,
  kind: "server" | "folder",
): Promise<void> {
  await using held = new AsyncDisposableStack();
  const dir = await fresh(world);
  let folder: string;
  let store: string;
  if (kind === "server") {
    const cache = held.use(await startDavCache());
    [folder, store] = [cache.dir, cache.nginx.url];
  } else {
    // On the same file system, there is no half: the NAR gets a second name.
    folder = await Deno.makeTempDir({ dir: "/dev/shm" });
    held.defer(() => Deno.remove(folder, { recursive: true }));
    store = `file://${folder}`;
  }
  const command = kedge([top], [store], dir);
  const child = new Deno.Command(command[0]!, {
    args: command.slice(1),
    env: { ...world.env, HOME: Deno.env.get("HOME") ?? "/", XDG_CACHE_HOME: "" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  while (await bytesIn(folder) < wholeBytes / 2) {
    await delay(5);
  }
  child.kill("SIGKILL");
  await child.status;
  const before = await bytesIn(folder);
  const second = await timed(world, kedge([top], [store], dir));
  if (second.code !== 0) {
    throw new Error(`the second run ended with ${second.code}: ${second.stderr}`);
  }
  const after = await bytesIn(folder);
  row(
    name,
    `${second.seconds.toFixed(2)} s`,
    "",
    `${((after - before) / after * 100).toFixed(0)} % sent`,
    `${(second.residentBytes / 1e6).toFixed(0)} MB`,
  );
}

/** One path with one large file of mixed content. */
export async function largeNar(world: NixWorld, gigabytes: number): Promise<string> {
  const source = join(world.dir, "large-file");
  {
    using file = await Deno.open(source, { write: true, create: true, truncate: true });
    const piece = new Uint8Array(1 << 20);
    for (let at = 0; at < piece.length / 2; at += 65_536) {
      crypto.getRandomValues(piece.subarray(at, at + 65_536));
    }
    for (let i = 0; i < gigabytes * 1024; i++) {
      new DataView(piece.buffer).setUint32(0, i);
      await file.write(piece);
    }
  }
  const path = (await world.run("nix", ["store", "add-path", source])).trim();
  await Deno.remove(source);
  return path;
}
