import { ContainerEngine } from "../../lib/container/container_engine.ts";
import { podmanArgs, podmanRunArgs } from "./podman_args.ts";
import { removeTree } from "./remove_tree.ts";

/** A podman with a storage of its own; all of it is gone when disposed of. */
export class PodmanWorld implements AsyncDisposable {
  /** The folder that holds it. */
  readonly folder: string;
  /** Arguments before every command. */
  readonly args: readonly string[];
  /** Arguments of every run. */
  readonly runArgs: readonly string[] = podmanRunArgs;

  private constructor(folder: string, driver: "vfs" | "overlay") {
    this.folder = folder;
    this.args = podmanArgs(folder, driver);
  }

  /** Makes one, in a folder that is there or in one of its own; `vfs` works everywhere, and copies each layer whole. */
  static async make({ folder, driver = "vfs" }: {
    folder?: string;
    driver?: "vfs" | "overlay";
  } = {}): Promise<PodmanWorld> {
    return new PodmanWorld(
      folder ?? await Deno.makeTempDir({ prefix: "kedge-podman-" }),
      driver,
    );
  }

  /** The engine. */
  get engine(): ContainerEngine {
    return new ContainerEngine({ kind: "podman", program: "podman", ...this.options });
  }

  /** How a task finds it. */
  get options(): { args: readonly string[]; runArgs: readonly string[] } {
    return { args: this.args, runArgs: this.runArgs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.run(["rm", "--all", "--force", "--time=0"]);
    await removeTree(this.folder);
  }
}
