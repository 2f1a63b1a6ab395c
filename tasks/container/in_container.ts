import type { Secret } from "../../lib/base/secret.ts";
import type { ContainerEngineOptions } from "../../lib/container/container_engine.ts";
import type { ContainerMount } from "../../lib/container/run_container.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { ImageRegistriesOptions } from "../shared/registries.ts";
import type { RunnableBase } from "./base.ts";

/** Options of {@linkcode inContainer}. */
export interface InContainerOptions extends ImageRegistriesOptions {
  /** The image: what `baseImage()` gave. On Linux, podman takes it from its copy in a layout, where it has one. */
  base: RunnableBase;
  /** The program in the container and its arguments; no shell is between. */
  run: readonly string[];
  /** What it sees of this machine: `{ volume: "nix", to: "/nix" }`, `{ folder: ".", to: "/src", readonly: true }`. */
  mounts?: readonly ContainerMount[] | undefined;
  /**
   * Its environment. A secret, and a text that holds one, reaches it by its name alone: the value is in no argument. By names that the
   * engine itself goes by, as `HOME`, no secret can be passed, and of a text that holds one a warning tells.
   */
  env?: Readonly<Record<string, string | Secret>> | undefined;
  /** Its working folder, from the root on. */
  workdir?: string | undefined;
  /** Whether it reaches any network. @default {true} */
  network?: boolean | undefined;
  /** Given on its standard input. */
  stdin?: Uint8Array | ReadableStream<Uint8Array> | undefined;
  /** Takes its standard output as bytes, all of it; without it, its lines are reported, and the first 16 MiB kept in the result. */
  onStdout?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
  /** Which engine runs it. @default {podman, else docker} */
  engine?: ContainerEngineOptions | undefined;
}

/** How a program in a container ended. */
export interface InContainerResult extends Figures {
  /** Its exit code: 0, since another one is an error. */
  code: number;
  /** Its standard output with secrets taken out, no more than the first 16 MiB; empty where `onStdout` took it. */
  stdout: string;
  /** Whether it printed more than that; a warning says so too. */
  stdoutTruncated: boolean;
  /** The image, as the engine knows it; empty in a dry run. */
  image: string;
}

/**
 * Runs a program in a container of a base image, with podman or docker.
 *
 * The image is brought into the engine where it is not there; podman fetches it from this process on `127.0.0.1`, which `--allow-net` must
 * then allow, and has it as `localhost/kedge/HOST/REPOSITORY:TAG`. docker, podman on a Mac or Windows, which is in a virtual machine there,
 * and one that does not reach this process fetch it from the registry with credentials of their own. Output is reported line by line, secrets
 * taken out of it. An abort ends the program and removes the container. Where this process is killed, the program goes on to its end, or until the
 * next call with this engine on this machine, which ends it; on a Mac or Windows, and where Deno does not allow everything, to its end.
 *
 * @throws {UsageError} if there is no engine, or an option cannot be passed on
 * @throws {NotAllowedError} if the engine refuses
 * @throws {KedgeError} if the program ends with another exit code than 0, which `data.code` holds, and `data.stdout` what is kept of its output
 *
 * @example
 * ```ts
 * import { baseImage, inContainer } from "@kedge/kedge";
 *
 * export async function version(): Promise<string> {
 *   const base = await baseImage();
 *   const { stdout } = await inContainer({ base, run: ["nix", "--version"] });
 *   return stdout;
 * }
 * ```
 */
export async function inContainer(
  options: InContainerOptions,
  ctx: TaskContextOptions = {},
): Promise<InContainerResult> {
  const { runInContainer } = await import("./run.ts");
  return await runInContainer(options, ctx);
}
