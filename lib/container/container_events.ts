/**
 * What an engine noted of a container that is gone by now.
 *
 * @module
 */
import { KedgeError } from "../base/errors.ts";
import type { ContainerEngine } from "./container_engine.ts";

/** How {@linkcode eventOf} asks. */
export interface EventOptions {
  /** What happened: `start`, `died`. */
  event: string;
  /** What is told of it, as a template of the engine's. */
  format: string;
  /** When the container was asked for, in milliseconds since 1970. */
  sinceMs: number;
  /** How long the engine may take, in milliseconds. */
  timeoutMs: number;
  /** Ends the asking. */
  signal: AbortSignal | undefined;
}

/** How far the clock of an engine elsewhere may be from this machine's. */
const clocksApartMs = 3_600_000;

/** What an engine tells of something that happened to a container; empty where it notes nothing, or is long about it. */
export async function eventOf(
  engine: ContainerEngine,
  name: string,
  { event, format, sinceMs, timeoutMs, signal }: EventOptions,
): Promise<string> {
  // docker would wait for more events without an end, and by a clock that is behind waits for this one.
  const end = engine.kind === "podman" ? "--stream=false" : `--until=${new Date().toISOString()}`;
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const { code, stdout } = await engine.run([
      ...["events", end, `--since=${new Date(sinceMs - clocksApartMs).toISOString()}`],
      ...[`--filter=container=${name}`, `--filter=event=${event}`, `--format=${format}`],
    ], { signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]) });
    return code === 0 ? stdout.trim() : "";
  } catch (error) {
    signal?.throwIfAborted();
    if (timeout.aborted) return "";
    throw error;
  }
}

/** What podman ends with where it had removed a container, or somebody else had, before it asked how that ended. */
const lostCode = 127;
const lostLine = /^time="[^"]*" level=error msg="Waiting for container [^ ]*: .*"$/m;

const ownLine = /^time="[^"]*" level=\w+ msg="(Waiting for|forwarding signal \d+ to) container /;

/** Whether a line is of podman, about a container that is gone, and not of the program that ran in it. */
export function isOfPodman(line: string): boolean {
  return ownLine.test(line);
}

/**
 * The exit code of a container, also where podman lost it: one that ends at once on a busy machine may be removed before podman asks how
 * it ended, which it then tells as if there were no such program (seen with podman 4.3).
 *
 * @throws {KedgeError} if it was lost, and the engine noted it nowhere
 */
export async function exitCodeOf(
  engine: ContainerEngine,
  name: string,
  { code, stderr }: { code: number; stderr: string },
  options: Omit<EventOptions, "event" | "format">,
): Promise<number> {
  if (engine.kind !== "podman" || code !== lostCode || !lostLine.test(stderr)) return code;
  const format = "{{.ContainerExitCode}}";
  const noted = await eventOf(engine, name, { ...options, event: "died", format });
  if (/^\d+$/.test(noted)) return Number(noted);
  throw new KedgeError(
    `Cannot tell how the container "${name}" ended: podman had removed it before it asked`,
    { hint: "run it again, or take a newer podman, which remembers exit codes" },
  );
}
