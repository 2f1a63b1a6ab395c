/**
 * Child processes that end with all their descendants.
 *
 * Invariants: a child leads a group of its own and carries a marker, so that signals reach its children, and those that made a
 * session of their own, too; an abort sends SIGTERM to all of them (to the child alone, if it passes signals on), waits for
 * the grace, then sends SIGKILL; nothing returns before they are gone. The child alone is ended on Windows, which has no groups, and where Deno may run some
 * programs only, since it then signals no process but its own children.
 *
 * @module
 */
import { toText } from "@std/streams";
import { liveProcesses } from "./live_processes.ts";
import { MarkedProcesses, maySignal, signalProcess } from "./marked_processes.ts";

/** Options of {@linkcode runProcess}. */
export interface RunProcessOptions {
  /** The arguments, each passed on as it is. */
  args?: readonly string[];
  /** The working folder. */
  cwd?: string;
  /** Variables added to the environment. */
  env?: Record<string, string>;
  /** Given to the child on its standard input; without it the child reads nothing. */
  stdin?: Uint8Array | ReadableStream<Uint8Array>;
  /** Called for each piece of standard output; then the result holds none of it. */
  onStdout?: (bytes: Uint8Array) => void | Promise<void>;
  /** Called for each piece of standard error; the result keeps its last 64 KiB either way. */
  onStderr?: (bytes: Uint8Array) => void;
  /** How long the group may take to end after SIGTERM, in milliseconds. @default {5000} */
  graceMs?: number;
  /**
   * Whether the child itself passes SIGTERM on, as an engine does to what runs in a container: what it starts for that must not be ended by
   * the same signal, so that the others hear it only once the child is gone. @default {false}
   */
  passesSignals?: boolean;
  /** Ends the whole group. */
  signal?: AbortSignal;
}

/** How a child process ended. */
export interface ProcessResult {
  /** Its exit code; 128 plus the number of a signal that ended it. */
  code: number;
  /** Its standard output, unless `onStdout` took it. */
  stdout: string;
  /** The last 64 KiB of its standard error. */
  stderr: string;
}

const keptErrorBytes = 64 * 1024;

/**
 * Runs a program to its end. A non-zero exit code is not an error here.
 *
 * @throws {Deno.errors.NotFound} if there is no such program
 */
export async function runProcess(
  program: string,
  options: RunProcessOptions = {},
): Promise<ProcessResult> {
  const { signal, graceMs = 5000, passesSignals = false } = options;
  signal?.throwIfAborted();
  const marked = new MarkedProcesses();
  const child = new Deno.Command(program, {
    args: [...(options.args ?? [])],
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    detached: Deno.build.os !== "windows",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...options.env, ...marked.env },
  }).spawn();

  const force = new AbortController();
  const kill = () => {
    signalChild(child, "SIGKILL");
    marked.kill();
    force.abort();
  };
  using _live = liveProcesses.add(kill);
  let stopping: Promise<void> | undefined;
  let killTimer: ReturnType<typeof setTimeout> | undefined;
  let isPassed = passesSignals;
  if (passesSignals) child.status.finally(() => isPassed = false);
  const stop = () => {
    if (passesSignals) killChild(child, "SIGTERM");
    else signalChild(child, "SIGTERM");
    killTimer = setTimeout(kill, graceMs);
    stopping = marked.stop(graceMs, force.signal, () => isPassed);
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const [status, stdout, stderr] = await Promise.all([
      child.status,
      collect(child.stdout, options.onStdout),
      collectTail(child.stderr, options.onStderr),
      feed(child, options.stdin),
    ]);
    signal?.throwIfAborted();
    return { code: status.code, stdout, stderr };
  } catch (error) {
    if (stopping === undefined) stop();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    await stopping;
    clearTimeout(killTimer);
    if (stopping !== undefined) {
      signalChild(child, "SIGKILL");
      await child.status;
    }
  }
}

/** Sends a signal to a child and its group, or to the child alone where more is not allowed; that it is gone is fine. */
export function signalChild(child: Deno.ChildProcess, name: Deno.Signal): void {
  if (maySignal()) return signalGroup(child.pid, name);
  killChild(child, name);
}

function killChild(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/** Sends a signal to a process group, or to the process alone where there are no groups. */
export function signalGroup(pid: number, name: Deno.Signal): void {
  signalProcess(Deno.build.os === "windows" ? pid : -pid, name);
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  onPiece: RunProcessOptions["onStdout"],
): Promise<string> {
  if (onPiece === undefined) return await toText(stream);
  for await (const piece of stream) await onPiece(piece);
  return "";
}

async function collectTail(
  stream: ReadableStream<Uint8Array>,
  onPiece: RunProcessOptions["onStderr"],
): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of stream) {
    onPiece?.(piece);
    pieces.push(piece);
    size += piece.byteLength;
    while (pieces.length > 1 && size - pieces[0]!.byteLength >= keptErrorBytes) {
      size -= pieces.shift()!.byteLength;
    }
  }
  const all = new Uint8Array(size);
  let offset = 0;
  for (const piece of pieces) {
    all.set(piece, offset);
    offset += piece.byteLength;
  }
  return new TextDecoder().decode(all.subarray(Math.max(0, size - keptErrorBytes)));
}

async function feed(
  child: Deno.ChildProcess,
  stdin: RunProcessOptions["stdin"],
): Promise<void> {
  if (stdin === undefined) return;
  const source = stdin instanceof Uint8Array ? new Blob([stdin.slice()]).stream() : stdin;
  const ended = new AbortController();
  // A source that gives nothing more would be waited for when nobody is left to read it.
  const stop = () => ended.abort();
  child.status.then(stop, stop);
  try {
    await source.pipeTo(child.stdin, { signal: ended.signal });
  } catch (error) {
    if (!ended.signal.aborted && !(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
