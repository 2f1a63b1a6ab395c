import { mountSmallDisk, type SmallDisk, unmount } from "./small_disk.ts";

/** What a {@linkcode mountFailingDisk} needs to be installed. */
export const failingDiskPrograms: readonly string[] = ["mount", "mke2fs", "losetup"];

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
}

/**
 * Mounts a disk of 64 MiB on a folder which loses what is written to it beyond the first 2 MiB, and says so only once that is synced: its
 * blocks lie in a file for which there is no more room.
 */
export async function mountFailingDisk(dir: string): Promise<SmallDisk> {
  await using mounted = new AsyncDisposableStack();
  const { dir: blocks } = mounted.use(await mountSmallDisk(`${dir}.blocks`, 2 * 1024 * 1024));
  const file = `${blocks}/disk`;
  await Deno.writeFile(file, new Uint8Array());
  await Deno.truncate(file, 64 * 1024 * 1024);
  await run("mke2fs", "-q", "-F", "-t", "ext2", file);
  await Deno.mkdir(dir);
  await run("mount", "-o", "loop", file, dir);
  mounted.defer(() => unmount(dir));
  const all = mounted.move();
  return { dir, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
