import { join } from "@std/path";
import type { PodmanWorld } from "./podman.ts";

/** The programs that it takes. */
export const farPrograms: readonly string[] = ["podman", "runc", "unshare", "ip"];

/** A podman that serves its API from a network of its own, as one in a virtual machine or on another host, until it is disposed of. */
export class FarPodman implements AsyncDisposable {
  /** Arguments before every command, by which it is asked from here. */
  readonly args: readonly string[];
  readonly #server: Deno.ChildProcess;

  private constructor(socket: string, server: Deno.ChildProcess) {
    this.args = ["--url", socket];
    this.#server = server;
  }

  /** Starts it, on the storage of a podman. */
  static async start(world: PodmanWorld): Promise<FarPodman> {
    const socket = `unix://${join(world.folder, "far.sock")}`;
    const script = 'ip link set lo up && exec podman "$@"';
    const server = new Deno.Command("unshare", {
      args: [
        ...["--net", "sh", "-c", script, "sh"],
        ...[...world.args, "system", "service", "--time=0", socket],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const far = new FarPodman(socket, server);
    let isOver = false;
    server.status.then(() => isOver = true);
    for (let asked = 0; !isOver && asked < 300; asked++) {
      const info = new Deno.Command("podman", { args: [...far.args, "info"], stdin: "null" });
      if ((await info.output()).success) return far;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    if (!isOver) await far[Symbol.asyncDispose]();
    throw new Error("podman does not serve its API");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.kill("SIGTERM");
    await this.#server.status;
  }
}
