/**
 * Finds all descendants of a child process by a variable in their environment.
 *
 * A process group loses a grandchild that makes a session of its own, and a program that spawns for us may make no group at all.
 * What a descendant does not lose is its environment: a variable with a name of its own stands in `/proc/PID/environ` of each.
 *
 * Invariants: only processes that carry the variable are signalled; each one gets SIGTERM once, then SIGKILL after the grace;
 * {@linkcode MarkedProcesses.stop} returns when none is left, those too whose environment is not there yet since they are just becoming
 * another program. Where there is no `/proc`, or it must not be read, or no process
 * may be signalled, none is found.
 *
 * @module
 */
import { codeOf } from "./errors.ts";
import { isGranted } from "./is_granted.ts";

/** The processes that carry one marker. */
export class MarkedProcesses {
  /** The variable to give to a child. */
  readonly env: Readonly<Record<string, string>>;
  #marker: Uint8Array;

  /** Makes up a marker. */
  constructor() {
    const name = `KEDGE_CHILD_${crypto.randomUUID().replaceAll("-", "")}`;
    this.env = { [name]: "1" };
    this.#marker = new TextEncoder().encode(`${name}=1`);
  }

  /** The process ids that carry the marker now, zombies left out. */
  find(): number[] {
    return this.#look().found;
  }

  /** Those that carry the marker now, and whether there is any that may, of which that cannot be told for a moment. */
  #look(): { found: number[]; isUnsure: boolean } {
    const found: number[] = [];
    let isUnsure = false;
    if (Deno.build.os !== "linux" || !mayReadProcesses() || !maySignal()) {
      return { found, isUnsure };
    }
    for (const pid of processIds()) {
      const environment = environmentOf(pid);
      if (environment === "coming") isUnsure = true;
      else if (environment !== undefined && includes(environment, this.#marker)) found.push(pid);
    }
    return { found, isUnsure };
  }

  /** Kills each process that carries the marker. */
  kill(): void {
    for (const pid of this.find()) signalProcess(pid, "SIGKILL");
  }

  /**
   * Ends all of them: SIGTERM, SIGKILL after the grace; returns when none is left.
   *
   * @param isPassed whether somebody else sees to it still that they end: nobody is sent SIGTERM while that is so
   */
  async stop(graceMs: number, force?: AbortSignal, isPassed = () => false): Promise<void> {
    const deadline = performance.now() + graceMs;
    const told = new Set<number>();
    let wasEmpty = false;
    for (let waitMs = 5;; waitMs = Math.min(waitMs * 2, 100)) {
      const { found: left, isUnsure } = this.#look();
      const late = force?.aborted || performance.now() >= deadline;
      const isEmpty = left.length === 0 && (!isUnsure || late);
      // One may have been started by another that ended behind the look at what there is.
      if (isEmpty && wasEmpty) return;
      if (isEmpty) waitMs = 5;
      wasEmpty = isEmpty;
      for (const pid of left) {
        if (late) signalProcess(pid, "SIGKILL");
        else if (!told.has(pid) && !isPassed()) {
          signalProcess(pid, "SIGTERM");
          told.add(pid);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** Sends a signal to a process; that it is gone is fine. A negative id is a group. */
export function signalProcess(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    const gone = error instanceof Deno.errors.NotFound ||
      codeOf(error) === "ESRCH";
    if (!gone) throw error;
  }
}

/**
 * Whether any process may be signalled. Deno wants the permission to run everything for that, and where it is not granted would ask
 * the person at the terminal; a child that it started itself may be ended in any case.
 */
export function maySignal(): boolean {
  return isGranted({ name: "run" });
}

/** Asks first, since a read that is not allowed makes Deno ask the person at the terminal. */
function mayReadProcesses(): boolean {
  return isGranted({ name: "read", path: "/proc" });
}

function processIds(): number[] {
  try {
    return [...Deno.readDirSync("/proc")].map((entry) => entry.name)
      .filter((name) => /^\d+$/.test(name)).map(Number);
  } catch (error) {
    if (isDenied(error)) return [];
    throw error;
  }
}

/**
 * The environment of a process, `undefined` where it has none, or none that may be read, and `"coming"` where it is just becoming another
 * program: from when it has left its old memory until the new one is set up, Linux knows of no place of its environment.
 */
function environmentOf(pid: number): Uint8Array | "coming" | undefined {
  let last: Uint8Array | "coming" | undefined;
  for (let tries = 0; tries < 4; tries++) {
    const environment = readIfAllowed(`/proc/${pid}/environ`);
    // Each variable ends with a zero: what does not was cut off when the old memory went, or is the work of a strange program.
    if (environment === undefined || environment.at(-1) === 0) return environment;
    last = environment;
    if (environment.length > 0) continue;
    const stat = readIfAllowed(`/proc/${pid}/stat`);
    if (stat === undefined) return undefined;
    const text = new TextDecoder().decode(stat);
    const fields = text.slice(text.lastIndexOf(")") + 2).trim().split(" ");
    const [memory, start, end] = [fields[20], fields[47], fields[48]];
    // A zombie, and a thread of the kernel, has no memory.
    if (memory === "0" || end === undefined) return undefined;
    if (end === "0") return "coming";
    last = start === end ? undefined : "coming";
  }
  return last;
}

/** What of a process can be read; one that ends meanwhile, or belongs to somebody else, is none of ours. */
function readIfAllowed(path: string): Uint8Array | undefined {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function isDenied(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable;
}

function includes(data: Uint8Array, part: Uint8Array): boolean {
  const last = data.length - part.length;
  for (
    let at = data.indexOf(part[0]!);
    at >= 0 && at <= last;
    at = data.indexOf(part[0]!, at + 1)
  ) {
    let same = 1;
    while (same < part.length && data[at + same] === part[same]) same++;
    if (same === part.length) return true;
  }
  return false;
}
