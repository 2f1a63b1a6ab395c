/** A small disk in memory, mounted on a folder, until it is disposed of. */
export interface SmallDisk extends AsyncDisposable {
  /** The folder. */
  dir: string;
}

/** Whether this process may mount one. */
export const canMount: boolean = Deno.build.os === "linux" && Deno.uid() === 0;

/** Mounts a disk of so many bytes, and so many files and folders at most, on a folder that is there. */
export async function mountSmallDisk(
  dir: string,
  bytes: number,
  files = 0,
): Promise<SmallDisk> {
  const args = ["-t", "tmpfs", "-o", `size=${bytes},nr_inodes=${files}`, "tmpfs", dir];
  const { success, stderr } = await new Deno.Command("mount", { args }).output();
  if (!success) throw new Error(`mount: ${new TextDecoder().decode(stderr)}`);
  return {
    dir,
    async [Symbol.asyncDispose]() {
      await new Deno.Command("umount", { args: [dir] }).output();
    },
  };
}
