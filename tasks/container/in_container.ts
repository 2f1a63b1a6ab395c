import type { Secret } from "../../lib/base/secret.ts";
import type { ContainerEngineOptions } from "../../lib/container/container_engine.ts";
import type { ContainerMount } from "../../lib/container/run_container.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { ImageRegistriesOptions } from "../shared/registry_rules.ts";
import type { RunnableBase } from "./base.ts";

/** Options of {@linkcode inContainer}. */
export interface InContainerOptions extends ImageRegistriesOptions {
  /** The image, as `baseImage()` returns it. On Linux, podman gets it from its copy in a layout, if it has one. */
  base: RunnableBase;
  /** The program in the container and its arguments, without a shell. */
  run: readonly string[];
  /** Which volumes and folders it sees: `{ volume: "nix", to: "/nix" }`, `{ folder: ".", to: "/src", readonly: true }`. */
  mounts?: readonly ContainerMount[] | undefined;
  /**
   * Its environment. A secret, or a text that contains one, is passed by name only: its value is in no argument. Variables that the engine itself
   * uses, such as `HOME`, cannot hold a secret; a text with one causes a warning. The engine keeps all of it in files of its own, where
   * whoever may use the engine can read it.
   */
  env?: Readonly<Record<string, string | Secret>> | undefined;
  /** Its working folder, an absolute path. */
  workdir?: string | undefined;
  /** Whether it has a network. @default {true} */
  network?: boolean | undefined;
  /** Its standard input. */
  stdin?: Uint8Array | ReadableStream<Uint8Array> | undefined;
  /** Gets all of its standard output, as bytes. Without this, its lines are reported, and the first 16 MiB are in the result. */
  onStdout?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
  /** Which engine runs it. @default {podman, else docker} */
  engine?: ContainerEngineOptions | undefined;
}

/** How a program in a container ended. */
export interface InContainerResult extends Figures {
  /** Its exit code: 0, since another one is an error. */
  code: number;
  /** The first 16 MiB of its standard output, with secrets redacted; empty with `onStdout`. */
  stdout: string;
  /** Whether it printed more; there is a warning then. */
  stdoutTruncated: boolean;
  /** The image's name in the engine; empty in a dry run. */
  image: string;
}

/**
 * Runs a program in a container of a base image, with podman or docker.
 *
 * If the engine lacks the image, it is copied there. podman fetches it from this process on `127.0.0.1`, which `--allow-net` must allow, as
 * `localhost/kedge/HOST/REPOSITORY:TAG`. docker, podman in a virtual machine (on macOS and Windows), and a podman that cannot reach this
 * process fetch it from the registry, with their own credentials. The figures of the result hold what kedge itself moved for that.
 *
 * Output is reported line by line, with secrets redacted. An abort ends the program and removes the container. At a second signal this process
 * ends at once and waits for nothing: it asks the engine to remove the container, which may fail unheard. If this process is killed, or that fails,
 * the program runs on until it ends, or until the next call with the same engine on this machine, which ends it. On macOS and Windows, and
 * unless Deno has all permissions, nothing ends it early.
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
