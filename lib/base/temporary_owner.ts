import defer * as process from "node:process";

/**
 * Whether the process that made a temporary name may still live. A number that is in use again counts as alive, and so does one
 * that may not be asked about: then the age decides. In a container each run has the same number: what was last written before this
 * process began is none of its own.
 *
 * @param changedMs when it was last written, in milliseconds since 1970, where that is known
 */
export function stateOfTemporary(name: string, changedMs = Infinity): "alive" | "dead" {
  const pid = Number(/\.tmp-(\d+)-[0-9a-f]{8}$/.exec(name)?.[1] ?? 0);
  if (pid === 0) return "dead";
  if (pid === Deno.pid) return changedMs < performance.timeOrigin ? "dead" : "alive";
  return Deno.build.os === "linux" ? stateInProc(pid) : stateBySignal(pid);
}

/** Asks without the permission to run programs, which a signal needs. */
function stateInProc(pid: number): "alive" | "dead" {
  try {
    Deno.statSync(`/proc/${pid}`);
    return "alive";
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "dead" : "alive";
  }
}

function stateBySignal(pid: number): "alive" | "dead" {
  try {
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    return (error as { code?: string }).code === "ESRCH" ? "dead" : "alive";
  }
}
