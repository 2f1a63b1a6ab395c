import { join } from "@std/path";
import type {
  ContainerEngineKind,
  ContainerEngineOptions,
} from "../../lib/container/container_engine.ts";
import { EngineService } from "./engine_service.ts";
import type { PodmanWorld } from "./podman.ts";

type DockerOptions = ContainerEngineOptions & { kind: ContainerEngineKind; program: string };

/** The socket of docker's API, which podman serves; whoever speaks to it is docker's own command line. */
export class DockerService implements AsyncDisposable {
  private constructor(
    /** How a task finds it. */
    readonly engine: DockerOptions,
    readonly service: EngineService,
  ) {}

  /** Starts it, on the storage of a podman; registries on loopback are spoken to in plain HTTP, as docker does. */
  static async start(world: PodmanWorld): Promise<DockerService> {
    const socket = `unix://${join(world.folder, "docker.sock")}`;
    const registries = join(world.folder, "registries.conf");
    await Deno.writeTextFile(registries, '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n');
    const args = ["--host", socket];
    const service = await EngineService.start({
      command: ["podman", ...world.args, "system", "service", "--time=0", socket],
      env: { CONTAINERS_REGISTRIES_CONF: registries },
      asks: ["docker", ...args, "version"],
      what: "docker's API",
    });
    return new DockerService(
      { kind: "docker", program: "docker", args, runArgs: world.runArgs },
      service,
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.service[Symbol.asyncDispose]();
  }
}
