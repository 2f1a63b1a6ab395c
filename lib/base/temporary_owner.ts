import defer * as process from "node:process";
import { codeOf } from "./errors.ts";

/** What is known of the process that made something. */
export type TemporaryState = "alive" | "dead" | "unknown";

/**
 * Whether the process that made a temporary name may still live. A number that is in use again counts as alive; of one that may not be
 * asked about, as on Linux where Deno does not allow everything, it is unknown: then the age decides. In a container each run has the
 * same number: what was last written before this process began is none of its own.
 *
 * @param changedMs when it was last written, in milliseconds since 1970, where that is known
 */
export function stateOfTemporary(name: string, changedMs = Infinity): TemporaryState {
  const pid = Number(/\.tmp-(\d+)-[0-9a-f]{8}$/.exec(name)?.[1] ?? 0);
  if (pid === 0) return "dead";
  if (pid === Deno.pid) return changedMs < performance.timeOrigin ? "dead" : "alive";
  return Deno.build.os === "linux" ? stateInProc(pid) : stateBySignal(pid);
}

/** Asks without the permission to run programs, which a signal needs. */
function stateInProc(pid: number): TemporaryState {
  try {
    Deno.statSync(`/proc/${pid}`);
    return "alive";
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return "unknown";
    return error instanceof Deno.errors.NotFound ? "dead" : "alive";
  }
}

function stateBySignal(pid: number): TemporaryState {
  try {
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return "unknown";
    return codeOf(error) === "ESRCH" ? "dead" : "alive";
  }
}
