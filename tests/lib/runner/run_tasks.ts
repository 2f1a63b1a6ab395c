import { delay } from "@std/async";
import type { ErrorData } from "../../../lib/operation/event.ts";
import type { Reporter, RunEvent, RunResult, TaskSummary } from "../../../lib/runner/events.ts";
import { type ProgramHost, runProgram } from "../../../lib/runner/program.ts";
import { type AnyTask, task } from "../../../lib/runner/task.ts";

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

/** The surroundings of a run, and what is to happen within it. */
export interface RunTasksHost extends Partial<ProgramHost> {
  /** Called when a task is about to wait for its next try. */
  onRetry?: () => void;
}

/** Runs tasks in this process, with a working folder and a cache of their own that are removed afterwards. */
export async function runTasks(
  tasks: readonly AnyTask[],
  argv: readonly string[],
  { onRetry, ...host }: RunTasksHost = {},
): Promise<Ran> {
  const dir = await Deno.makeTempDir();
  const ran: Ran = { exitCode: -1, events: [], result: undefined, printed: [] };
  const reporter: Reporter = {
    report: (event) => {
      ran.events.push(event);
      if (event.type === "task-retry") onRetry?.();
    },
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

/** The description of tasks that need none. */
export const description: string = "A task of the tests";

/** What became of each task, by its label. */
export function states(ran: Ran): Record<string, string> {
  const end = ran.events.find((event) => event.type === "run-end");
  return Object.fromEntries(
    (end?.tasks ?? []).map((each: TaskSummary) => [each.task, each.status]),
  );
}

/** A task that notes when it begins and ends. */
export function noting(
  name: string,
  log: string[],
  deps: Record<string, AnyTask> = {},
  ms = 5,
): AnyTask {
  return task({
    name,
    description,
    deps: deps as Record<string, never>,
    run: async ({ signal }) => {
      log.push(`${name} begins`);
      await delay(ms, { signal });
      log.push(`${name} ends`);
    },
  });
}
