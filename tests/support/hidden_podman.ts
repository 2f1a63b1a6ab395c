import { assertEquals } from "@std/assert";
import type { ContainerEngineOptions } from "../../lib/container/container_engine.ts";
import type { PodmanWorld } from "./podman.ts";

/** The programs that it takes. */
export const hidingPrograms: readonly string[] = ["unshare", "nsenter", "mount"];

/** A podman whose storage nobody else sees, as in a virtual machine, until it is disposed of. */
export class HiddenPodman implements AsyncDisposable {
  readonly #keeper: Deno.ChildProcess;
  readonly #world: PodmanWorld;

  private constructor(keeper: Deno.ChildProcess, world: PodmanWorld) {
    this.#keeper = keeper;
    this.#world = world;
  }

  /** Hides the storage of a podman. */
  static async make(world: PodmanWorld): Promise<HiddenPodman> {
    const script =
      'mount --make-rprivate / && mount -t tmpfs none "$0" && echo ready && exec sleep 600';
    const keeper = new Deno.Command("unshare", {
      args: ["--mount", "sh", "-c", script, world.folder],
      stdout: "piped",
      stdin: "null",
    }).spawn();
    const reader = keeper.stdout.getReader();
    assertEquals(new TextDecoder().decode((await reader.read()).value), "ready\n");
    await reader.cancel();
    return new HiddenPodman(keeper, world);
  }

  /** How a task finds it. */
  get engine(): ContainerEngineOptions {
    const args = [`--target=${this.#keeper.pid}`, "--mount", "podman", ...this.#world.args];
    return { kind: "podman", program: "nsenter", args };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keeper.kill("SIGKILL");
    await this.#keeper.status;
  }
}
