import { join } from "@std/path";
import type {
  ContainerEngineKind,
  ContainerEngineOptions,
} from "../../lib/container/container_engine.ts";
import type { PodmanWorld } from "./podman.ts";

type DockerOptions = ContainerEngineOptions & { kind: ContainerEngineKind; program: string };

/** The socket of docker's API, which podman serves; whoever speaks to it is docker's own command line. */
export class DockerService implements AsyncDisposable {
  /** How a task finds it. */
  readonly engine: DockerOptions;
  readonly #server: Deno.ChildProcess;

  private constructor(engine: DockerOptions, server: Deno.ChildProcess) {
    this.engine = engine;
    this.#server = server;
  }

  /** Starts it, on the storage of a podman; registries on loopback are spoken to in plain HTTP, as docker does. */
  static async start(world: PodmanWorld): Promise<DockerService> {
    const socket = join(world.folder, "docker.sock");
    const registries = join(world.folder, "registries.conf");
    await Deno.writeTextFile(registries, '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n');
    const server = new Deno.Command("podman", {
      args: [...world.args, "system", "service", "--time=0", `unix://${socket}`],
      env: { CONTAINERS_REGISTRIES_CONF: registries },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const args = ["--host", `unix://${socket}`];
    const engine = { kind: "docker" as const, program: "docker", args, runArgs: world.runArgs };
    const service = new DockerService(engine, server);
    let isOver = false;
    server.status.then(() => isOver = true);
    for (let asked = 0; !isOver && asked < 300; asked++) {
      const version = new Deno.Command("docker", { args: [...args, "version"], stdin: "null" });
      if ((await version.output()).success) return service;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    if (!isOver) await service[Symbol.asyncDispose]();
    throw new Error("podman does not serve docker's API");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.kill("SIGTERM");
    await this.#server.status;
  }
}
