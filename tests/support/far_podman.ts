import { join } from "@std/path";
import { EngineService } from "./engine_service.ts";
import type { PodmanWorld } from "./podman.ts";

/** The programs that it takes. */
export const farPrograms: readonly string[] = ["podman", "runc", "unshare", "ip"];

/** A podman that serves its API from a network of its own, as one in a virtual machine or on another host, until it is disposed of. */
export class FarPodman implements AsyncDisposable {
  private constructor(
    /** Arguments before every command, by which it is asked from here. */
    readonly args: readonly string[],
    readonly service: EngineService,
  ) {}

  /** Starts it, on the storage of a podman. */
  static async start(world: PodmanWorld): Promise<FarPodman> {
    const socket = `unix://${join(world.folder, "far.sock")}`;
    const args = ["--url", socket];
    const script = 'ip link set lo up && exec podman "$@"';
    const service = await EngineService.start({
      command: [
        ...["unshare", "--net", "sh", "-c", script, "sh"] as const,
        ...[...world.args, "system", "service", "--time=0", socket],
      ],
      asks: ["podman", ...args, "info"],
      what: "podman's API",
    });
    return new FarPodman(args, service);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.service[Symbol.asyncDispose]();
  }
}
