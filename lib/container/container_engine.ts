/**
 * The program that runs containers on this machine: podman or docker.
 *
 * Invariants: it is asked in its own words and its exit codes are read, never its prose; what it lacks (the program, a daemon, rights) is an
 * error of its own.
 *
 * @module
 */
import { checkOptions, refusedOption } from "../base/check_options.ts";
import { KedgeError, NotAllowedError, UsageError } from "../base/errors.ts";
import { findProgram } from "../base/find_program.ts";
import { longTimeout } from "../base/long_timeout.ts";
import type { ProcessResult, RunProcessOptions } from "../base/process_group.ts";

/** Which program runs containers. */
export type ContainerEngineKind = "podman" | "docker";

/** Which engine is wanted, and how it is called. */
export interface ContainerEngineOptions {
  /** Which one. @default {podman where it is installed, else docker} */
  kind?: ContainerEngineKind | undefined;
  /** The program. @default {that of the kind, in PATH} */
  program?: string | undefined;
  /** Arguments before every command: `--storage-driver=vfs`. */
  args?: readonly string[] | undefined;
  /** Arguments of every `run`: `--ulimit`, `nofile=1024:1024`. */
  runArgs?: readonly string[] | undefined;
}

/** Options of {@linkcode ContainerEngine.ask}. */
export interface AskEngineOptions {
  /** Told that the engine keeps its asker waiting, as one does whose store another process has locked. */
  onWait?: ((message: string) => void) | undefined;
  /** How long it may take before that is told, in milliseconds. @default {5000} */
  patienceMs?: number | undefined;
  /** Ends it. */
  signal?: AbortSignal | undefined;
}

/** An engine that is there. */
export class ContainerEngine {
  /** Which one it is. */
  readonly kind: ContainerEngineKind;
  /** The program. */
  readonly program: string;
  /** Arguments of every `run`. */
  readonly runArgs: readonly string[];
  /** Arguments before every command. */
  readonly args: readonly string[];
  /** Whether it is in a virtual machine, from where it reaches no server of this process: on a Mac and on Windows podman always is. */
  readonly isInMachine: boolean = ["darwin", "windows"].includes(Deno.build.os);

  /** Runs nothing yet. */
  constructor(
    options: ContainerEngineOptions & { kind: ContainerEngineKind; program: string },
  ) {
    this.kind = options.kind;
    this.program = options.program;
    this.runArgs = options.runArgs ?? [];
    this.args = options.args ?? [];
  }

  /** Runs one of its commands to the end; a non-zero exit code is not an error here. */
  async run(args: readonly string[], options: RunProcessOptions = {}): Promise<ProcessResult> {
    const { runProcess } = await import("../base/process_group.ts");
    try {
      return await runProcess(this.program, { ...options, args: [...this.args, ...args] });
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) throw this.missing(cause);
      if (
        cause instanceof Deno.errors.NotCapable || cause instanceof Deno.errors.PermissionDenied
      ) {
        throw new NotAllowedError(`Cannot run "${this.program}": ${(cause as Error).message}`, {
          cause,
        });
      }
      if (isTooLong(cause)) {
        throw new UsageError(
          `Cannot run "${this.program}": its arguments and variables are longer than this system takes`,
          { cause, hint: "give a long text on standard input, or in a file of a mounted folder" },
        );
      }
      throw cause;
    }
  }

  /**
   * Runs one of its commands that should end at once; a non-zero exit code is not an error here.
   *
   * @param what what it is asked for, for people: `the volume "nix"`
   */
  async ask(
    what: string,
    args: readonly string[],
    { onWait, patienceMs = 5000, signal }: AskEngineOptions,
  ): Promise<ProcessResult> {
    using _late = longTimeout(
      () => onWait?.(`waiting for ${this.kind}, which was asked for ${what}`),
      patienceMs,
    );
    return await this.run(args, signal === undefined ? {} : { signal });
  }

  /** Runs one of its commands, of which success is expected; gives what it printed. */
  async must(
    args: readonly string[],
    action: string,
    options: RunProcessOptions = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code === 0) return stdout;
    throw this.failed(action, code, stderr);
  }

  /** The error of a program that is not there. */
  missing(cause?: unknown): UsageError {
    return notThere(this.program, cause);
  }

  /** The error of a command that failed; the hint is for one that is neither a matter of rights nor of a service that is not there. */
  failed(action: string, code: number, stderr: string, hint?: string): KedgeError {
    const lines = stderr.split("\n").map((line) => line.trim());
    const said = lines.findLast((line) => line !== "" && !isAdvice(line))?.slice(0, 300) ?? "";
    const message = `Cannot ${action}: ${this.kind} ended with code ${code}` +
      (said === "" ? "" : ` (${said})`);
    const data = { code, stderr: stderr.slice(-4000) };
    if (/permission denied|operation not permitted|unauthorized/i.test(stderr)) {
      return new NotAllowedError(message, {
        data,
        hint: `may this user run ${this.kind}? Try ${this.kind} info`,
      });
    }
    if (/cannot connect to (the docker daemon|podman)|is the docker daemon running/i.test(stderr)) {
      return new KedgeError(message, { data, hint: `start ${this.kind}'s service first` });
    }
    if (/new[ug]idmap.*not found/.test(stderr)) {
      const hint = `${this.kind} of an ordinary user needs newuidmap and newgidmap; install uidmap`;
      return new KedgeError(message, { data, hint });
    }
    return new KedgeError(message, { data, ...(hint === undefined ? {} : { hint }) });
  }
}

/** Whether a program was not started since it was given too much; Deno gives that error no code. */
function isTooLong(error: unknown): boolean {
  return Deno.build.os !== "windows" && error instanceof Error &&
    error.message.includes("(os error 7)");
}

/** What docker ends its errors with: how to ask for its help. */
function isAdvice(line: string): boolean {
  return /^(Usage:|(Run|See) 'docker )/.test(line);
}

/**
 * Finds the engine of this machine.
 *
 * @throws {UsageError} if there is none, or an option is something else than it must be
 */
export async function findEngine(options: ContainerEngineOptions = {}): Promise<ContainerEngine> {
  checkOptions(options, {}, { program: "text", args: "texts", runArgs: "texts" });
  const { kind, program } = options;
  if (kind !== undefined && kind !== "podman" && kind !== "docker") {
    throw refusedOption("kind of an engine", kind, "podman or docker");
  }
  if (program !== undefined) {
    const found = kind ?? (/docker/.test(program) ? "docker" : "podman");
    return new ContainerEngine({ ...options, kind: found, program });
  }
  for (const each of kind === undefined ? ["podman", "docker"] as const : [kind]) {
    const path = await findProgram(each);
    if (path !== undefined) return new ContainerEngine({ ...options, kind: each, program: path });
  }
  throw notThere(kind ?? "podman or docker");
}

function notThere(program: string, cause?: unknown): UsageError {
  return new UsageError(`Cannot run "${program}": it is not installed`, {
    cause,
    hint: "install podman or docker, or name the program of the engine",
  });
}
