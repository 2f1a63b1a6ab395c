/**
 * Runs POSIX shell scripts on another host by the program `ssh`.
 *
 * Invariants: the login shell there sees one fixed command and nothing of the script, which comes first on its standard input: no value is
 * ever quoted for a shell that may be any, and none shows in the list of processes; an abort ends `ssh` and what it started.
 *
 * @module
 */
import { KedgeError, NotAllowedError, UnreachableError, UsageError } from "../base/errors.ts";
import { type Meter, silentMeter } from "../base/meter.ts";
import { runProcess } from "../base/process_group.ts";
import { checkSshTarget, sshArguments, type SshTarget } from "./ssh_target.ts";

/** What a session is lent. */
export interface SshSessionOptions {
  /** Counts one request for each script. */
  meter?: Meter;
  /** Ends every script. */
  signal?: AbortSignal;
}

/** Options of {@linkcode SshSession.run}. */
export interface RunScriptOptions {
  /** What follows the script on its standard input. */
  stdin?: AsyncIterable<Uint8Array>;
  /** Called for each piece of the script's standard output; then the result holds none of it. */
  onStdout?: (bytes: Uint8Array) => void;
  /** How long the script may take, in milliseconds. @default {no limit} */
  timeoutMs?: number;
}

/** How a script ended. */
export interface ScriptResult {
  /** Its exit code. */
  code: number;
  /** Its standard output. */
  stdout: string;
  /** The end of its standard error. */
  stderr: string;
}

/** What ssh itself ends with when it could not do its part. */
const sshFailure = 255;

/** A host on which scripts are run. */
export class SshSession {
  /** The host. */
  readonly target: SshTarget;
  #meter: Meter;
  #signal: AbortSignal;

  /**
   * Connects nowhere yet.
   *
   * @throws {UsageError} if the target is malformed
   */
  constructor(target: SshTarget, options: SshSessionOptions = {}) {
    checkSshTarget(target);
    this.target = target;
    this.#meter = options.meter ?? silentMeter;
    this.#signal = options.signal ?? new AbortController().signal;
  }

  /**
   * Runs a script of a POSIX shell. A code other than 0 is not an error here.
   *
   * @throws {NotAllowedError} if the host refuses the user, or its key is not the known one
   * @throws {UnreachableError} if the host is not reached, or the connection breaks
   */
  async run(script: string, options: RunScriptOptions = {}): Promise<ScriptResult> {
    const bytes = new TextEncoder().encode(script);
    const loader = `exec sh -c 'eval "$(dd bs=1 count=${bytes.byteLength} 2>/dev/null)"'`;
    const timeout = options.timeoutMs === undefined
      ? undefined
      : AbortSignal.timeout(options.timeoutMs);
    const signal = timeout === undefined ? this.#signal : AbortSignal.any([this.#signal, timeout]);
    this.#meter.request();
    let result: ScriptResult;
    try {
      result = await runProcess("ssh", {
        args: [...sshArguments(this.target), loader],
        stdin: ReadableStream.from(inputOf(bytes, options.stdin)),
        ...(options.onStdout === undefined ? {} : { onStdout: options.onStdout }),
        signal,
        graceMs: 1000,
      });
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) {
        throw new KedgeError(`Cannot reach "${this.target.target}": the program ssh is missing`, {
          cause,
          hint: "install OpenSSH's client",
        });
      }
      this.#signal.throwIfAborted();
      if (timeout?.aborted) throw this.#unreachable("it did not answer in time", cause);
      throw cause;
    }
    if (result.code === sshFailure) throw this.#failure(result.stderr);
    return result;
  }

  #failure(stderr: string): KedgeError {
    const { target } = this.target;
    const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    const last = lines.at(-1) ?? "ssh ended without a word";
    if (/host key verification failed|remote host identification has changed/i.test(stderr)) {
      return new NotAllowedError(`Cannot reach "${target}": its host key is not the known one`, {
        hint: "compare the key, then correct the file of known hosts",
        side: "destination",
      });
    }
    if (/permission denied|authentication failures|no supported authentication/i.test(last)) {
      return new NotAllowedError(`Cannot log in to "${target}": ${last}`, {
        hint: "ssh must get in by a key, without a password",
        side: "destination",
      });
    }
    if (/bad configuration option|^command-line|unsupported option/i.test(lines[0] ?? "")) {
      return new UsageError(`Cannot use the ssh options for "${target}": ${lines[0]}`);
    }
    return this.#unreachable(last);
  }

  #unreachable(state: string, cause?: unknown): UnreachableError {
    return new UnreachableError(`Cannot reach "${this.target.target}": ${state}`, {
      side: "destination",
      cause,
    });
  }
}

async function* inputOf(
  script: Uint8Array,
  stdin: AsyncIterable<Uint8Array> | undefined,
): AsyncGenerator<Uint8Array> {
  yield script;
  if (stdin !== undefined) yield* stdin;
}
