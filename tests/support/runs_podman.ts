import { join } from "@std/path";
import { podmanArgs, podmanRunArgs } from "./podman_args.ts";

let known: boolean | undefined;

/**
 * Whether podman runs a container for this user, whom the system may give no namespaces; asked once, by running busybox in one. What podman
 * stores for that is kept beside other temporary files, since it goes on with it after the container has ended.
 */
export function runsPodman(busybox: string): boolean {
  return known ??= runs(busybox);
}

function runs(busybox: string): boolean {
  const folder = join(Deno.env.get("TMPDIR") ?? "/tmp", `kedge-test-podman-${Deno.uid()}`);
  const root = join(folder, "system");
  Deno.mkdirSync(root, { recursive: true });
  const { stdout } = new Deno.Command("podman", {
    args: [
      ...[...podmanArgs(folder, "vfs"), "run", "--rm", ...podmanRunArgs],
      ...[`--volume=${busybox}:/busybox:ro`, "--rootfs", root, "/busybox", "echo", "here"],
    ],
    stdin: "null",
    stderr: "null",
  }).outputSync();
  // Of one that ends at once podman may lose the exit code.
  return new TextDecoder().decode(stdout) === "here\n";
}
