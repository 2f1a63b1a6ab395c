/**
 * Runs a program in a container of a base image.
 *
 * Invariants: the image is the pinned one, whatever its tag means now; values of secrets stand in no argument and in no output; no container
 * is left behind.
 *
 * @module
 */
import { KedgeError, UsageError } from "../lib/base/errors.ts";
import { LineSplitter } from "../lib/base/line_splitter.ts";
import type { Secret } from "../lib/base/secret.ts";
import { type ContainerEngineOptions, findEngine } from "../lib/container/container_engine.ts";
import {
  type ContainerMount,
  runContainer,
  type RunContainerOptions,
} from "../lib/container/run_container.ts";
import type { Figures, Plan } from "../lib/operation/figures.ts";
import type { Operation } from "../lib/operation/operation.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import { type EngineImage, ensureEngineImage, type RunnableBase } from "./container_base.ts";

/** Options of {@linkcode inContainer}. */
export interface InContainerOptions {
  /** The image: what `baseImage()` gave. */
  base: RunnableBase;
  /** The program in the container and its arguments; no shell is between. */
  run: readonly string[];
  /** What it sees of this machine: `{ volume: "nix", to: "/nix" }`, `{ folder: ".", to: "/src", readonly: true }`. */
  mounts?: readonly ContainerMount[];
  /** Its environment. A secret reaches it by its name alone: its value is in no argument. */
  env?: Readonly<Record<string, string | Secret>>;
  /** Its working folder. */
  workdir?: string;
  /** Whether it reaches any network. @default {true} */
  network?: boolean;
  /** Given on its standard input. */
  stdin?: Uint8Array | ReadableStream<Uint8Array>;
  /** Takes its standard output as bytes; without it, its lines are reported and kept in the result. */
  onStdout?: (bytes: Uint8Array) => void | Promise<void>;
  /** Which engine runs it. @default {podman, else docker} */
  engine?: ContainerEngineOptions;
  /** Hosts that are spoken to in plain HTTP; loopback hosts always are. */
  insecureRegistries?: readonly string[];
}

/** How a program in a container ended. */
export interface InContainerResult extends Figures {
  /** Its exit code: 0, since another one is an error. */
  code: number;
  /** Its standard output with secrets taken out; empty where `onStdout` took it. */
  stdout: string;
  /** The image, as the engine knows it; empty in a dry run. */
  image: string;
}

/**
 * Runs a program in a container of a base image, with podman or docker.
 *
 * The image is brought into the engine where it is not there. Output is reported line by line, secrets taken out of it. An abort
 * ends the program and removes the container.
 *
 * @throws {UsageError} if there is no engine, or an option cannot be passed on
 * @throws {NotAllowedError} if the engine refuses
 * @throws {KedgeError} if the program ends with another exit code than 0, which `data.code` holds
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
  const context = resolveContext(ctx);
  const { base, run, engine: engineOptions, insecureRegistries } = options;
  if (run.length === 0 || run[0] === "") throw new UsageError("Cannot run nothing in a container");
  const engine = await findEngine(engineOptions);
  const { env, secretEnv } = environments(options.env);
  const shown = context.redactor.redact(run.join(" "));
  const operation: Operation<Plan, InContainerFields, InContainerFields> = {
    kind: "container",
    subject: shown,
    plan: () =>
      Promise.resolve({
        changed: true,
        bytesToMove: 0,
        bytesToReuse: 0,
        exact: true,
        requests: 0,
        why: "a program is run whenever it is asked for",
        objects: [],
      }),
    async move(_plan, step) {
      const inner = { ...context, signal: step.signal };
      const image: EngineImage = await ensureEngineImage(engine, base, insecureRegistries, inner);
      let stdout = "";
      const lines = (take: (line: string) => void) =>
        new LineSplitter((line) => take(context.redactor.redact(line)));
      const out = lines((line) => {
        stdout += `${line}\n`;
        step.meter.note(line);
      });
      const err = lines((line) => step.meter.note(line));
      const { mounts, workdir, network, stdin, onStdout } = options;
      const { code, stderr } = await runContainer(engine, {
        image: image.id,
        run,
        env,
        secretEnv,
        ...given({ mounts, workdir, network, stdin }),
        onStdout: onStdout ?? ((bytes) => out.push(bytes)),
        onStderr: (bytes) => err.push(bytes),
        signal: step.signal,
      });
      out.end();
      err.end();
      if (code === 0) return { code, stdout, image: image.id };
      const last = context.redactor.redact(stderr.trim().split("\n").at(-1) ?? "");
      throw new KedgeError(
        `Cannot run "${shown}" in a container: it ended with code ${code}` +
          (last === "" ? "" : ` (${last.slice(0, 300)})`),
        { data: { code, stdout } },
      );
    },
    verify: () => Promise.resolve(),
    commit: (_plan, result) => Promise.resolve(result),
    standing: () => ({ code: 0, stdout: "", image: "" }),
  };
  return await runOperation(operation, context);
}

type InContainerFields = Omit<InContainerResult, keyof Figures>;

function environments(
  all: InContainerOptions["env"] = {},
): { env: Record<string, string>; secretEnv: Record<string, string> } {
  const env: Record<string, string> = {};
  const secretEnv: Record<string, string> = {};
  for (const [name, value] of Object.entries(all)) {
    if (typeof value === "string") env[name] = value;
    else secretEnv[name] = value.reveal();
  }
  return { env, secretEnv };
}

type Optional = Pick<RunContainerOptions, "mounts" | "workdir" | "network" | "stdin">;

function given(options: { [K in keyof Optional]: Optional[K] | undefined }): Optional {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Optional;
}
