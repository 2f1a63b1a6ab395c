import type { ErrorData } from "../../../lib/operation/event.ts";
import type { Reporter, RunEvent, RunResult } from "../../../lib/runner/events.ts";
import { type ProgramHost, runProgram } from "../../../lib/runner/program.ts";
import type { AnyTask } from "../../../lib/runner/task.ts";

/** What a run in this process came to. */
export interface Ran {
  /** The exit code. */
  exitCode: number;
  /** All events. */
  events: RunEvent[];
  /** The result. */
  result: RunResult | undefined;
  /** What was printed on standard output. */
  printed: string[];
}

/** Runs tasks in this process, with a working folder and a cache of their own that are removed afterwards. */
export async function runTasks(
  tasks: readonly AnyTask[],
  argv: readonly string[],
  host: Partial<ProgramHost> = {},
): Promise<Ran> {
  const dir = await Deno.makeTempDir();
  const ran: Ran = { exitCode: -1, events: [], result: undefined, printed: [] };
  const reporter: Reporter = {
    report: (event) => void ran.events.push(event),
    result: (result) => void (ran.result = result),
    pause: () => ({ [Symbol.dispose]() {} }),
    close: () => Promise.resolve(),
  };
  try {
    ran.exitCode = await runProgram(Object.fromEntries(tasks.map((task, index) => [index, task])), {
      name: "tasks.ts",
      argv,
      env: (name) => name === "KEDGE_CACHE_DIR" ? `${dir}/cache` : undefined,
      cwd: dir,
      signal: new AbortController().signal,
      print: (text) => void ran.printed.push(text),
      reporter: () => Promise.resolve(reporter),
      ...host,
    });
    return ran;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The error of a run that failed. */
export function errorOf(ran: Ran): ErrorData {
  if (ran.result === undefined || ran.result.ok) throw new Error("the run did not fail");
  return ran.result.error;
}

/** The value of a run that ended well. */
export function valueOf(ran: Ran): unknown {
  if (ran.result === undefined || !ran.result.ok) {
    throw new Error(`the run failed: ${JSON.stringify(ran.result)}`);
  }
  return ran.result.value;
}
