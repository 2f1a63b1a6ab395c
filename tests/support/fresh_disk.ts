import { runProcess } from "../../lib/base/process_group.ts";
import { lookAt } from "../../lib/base/files.ts";
import { findProgram } from "./real.ts";
import { canMount, unmount } from "./small_disk.ts";

/** A disk of its own, with a file system that nobody has used yet, mounted on a folder until it is disposed of. */
export interface FreshDisk extends AsyncDisposable {
  /** The folder. */
  dir: string;
}

/** Whether this process may mount one. */
export const canMountFresh: boolean = canMount && findProgram("mkfs.ext4") !== undefined &&
  lookAt("/dev/loop-control") !== undefined;

/**
 * Makes an ext4 in a file beside the folder, and mounts it there. On one that was used, what was deleted in the last minutes makes new files
 * slow: ext4 looks at each inode that became free of late.
 */
export async function mountFreshDisk(dir: string, bytes: number): Promise<FreshDisk> {
  const file = `${dir}.img`;
  await Deno.mkdir(dir, { recursive: true });
  await Deno.writeFile(file, new Uint8Array());
  await Deno.truncate(file, bytes);
  await must("mkfs.ext4", ["-q", "-F", file]);
  await must("mount", ["-o", "loop", file, dir]);
  await must("sync", []);
  return {
    dir,
    async [Symbol.asyncDispose]() {
      await unmount(dir);
      await Deno.remove(file);
    },
  };
}

async function must(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProcess(program, { args });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}
