/** A small disk in memory, mounted on a folder, until it is disposed of. */
export interface SmallDisk extends AsyncDisposable {
  /** The folder. */
  dir: string;
}

/** Whether this process may mount one. */
export const canMount: boolean = Deno.build.os === "linux" && Deno.uid() === 0;

/**
 * Takes a mounted disk off its folder, whoever has files of it open: a program that another test module is starting has all that are open
 * in this process, until it runs.
 */
export async function unmount(dir: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("umount", { args: ["-l", dir] }).output();
  if (!success) throw new Error(`umount: ${new TextDecoder().decode(stderr)}`);
}

/** Mounts a disk of so many bytes, and so many files and folders at most, on a folder, which is made where it is not there. */
export async function mountSmallDisk(
  dir: string,
  bytes: number,
  files = 0,
): Promise<SmallDisk> {
  await Deno.mkdir(dir, { recursive: true });
  const args = ["-t", "tmpfs", "-o", `size=${bytes},nr_inodes=${files}`, "tmpfs", dir];
  const { success, stderr } = await new Deno.Command("mount", { args }).output();
  if (!success) throw new Error(`mount: ${new TextDecoder().decode(stderr)}`);
  return {
    dir,
    async [Symbol.asyncDispose]() {
      await unmount(dir);
    },
  };
}

/** Fills the disk on which a file is or is to be with that file. */
export async function fillDisk(path: string): Promise<void> {
  using file = await Deno.open(path, { create: true, append: true });
  const piece = new Uint8Array(4096);
  try {
    for (;;) await file.write(piece);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOSPC") throw error;
  }
}
