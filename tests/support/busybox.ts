import { join } from "@std/path";
import { runProcess } from "../../lib/base/process_group.ts";
import { findProgram } from "./real.ts";

/** A tarball of the smallest system that runs a shell: busybox alone. */
export async function busyboxLayer(work: string): Promise<Uint8Array> {
  const root = join(work, "busybox-root");
  await Deno.mkdir(join(root, "bin"), { recursive: true });
  await Deno.copyFile(findProgram("busybox")!, join(root, "bin", "busybox"));
  for (const name of ["sh", "cat", "sleep", "env", "id", "ls"]) {
    await Deno.symlink("busybox", join(root, "bin", name));
  }
  const tarball = join(work, "busybox.tar");
  await runProcess("tar", {
    args: ["--owner=0", "--group=0", "--sort=name", "--mtime=@1", "-cf", tarball, "-C", root, "."],
  });
  await Deno.remove(root, { recursive: true });
  return await Deno.readFile(tarball);
}
