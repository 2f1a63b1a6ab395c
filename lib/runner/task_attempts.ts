/**
 * Runs one task to its end: its evidence first, then its tries.
 *
 * Invariants: a try that took too long, or whose run was stopped, ends with the reason of that, whatever it threw; what a try
 * started is ended before the next one begins; a run function that does not settle after an abort is given up after the grace, so
 * that nothing hangs. No timer is touched unless one is needed: the first one costs a program some milliseconds.
 *
 * @module
 */
import { TimedOutError, toError, UsageError } from "../base/errors.ts";
import { formatDuration } from "../base/duration.ts";
import { longTimeout } from "../base/long_timeout.ts";
import { errorData } from "../operation/error_data.ts";
import type { RunnerEvent } from "./events.ts";
import type { GraphNode } from "./graph.ts";
import { type Ambient, withinTask } from "./ambient.ts";
import { RetriedError, waitAfterMs } from "./retry.ts";
import type { Fresh } from "./task.ts";
import type { ArgsShape } from "./arg.ts";
import type { DepsShape, TaskRunContext } from "./task_type.ts";

/** What a task is run with. */
export interface AttemptOptions {
  /** The run, for what the task calls without its context. */
  readonly ambient: Ambient;
  /** Ends the task. */
  readonly signal: AbortSignal;
  /** Whether other tasks run beside it, whose failure ends it. */
  readonly amongOthers: boolean;
  /** How long things may take to end after an abort, in milliseconds. */
  readonly graceMs: number;
  /** Whether evidence that there is nothing to do is taken. */
  readonly takeFresh: boolean;
  /** Takes the events. */
  readonly report: (event: RunnerEvent) => void;
  /** A number from 0 to 1. */
  readonly random: () => number;
  /** What the run function gets in one try, and how all that it started is ended. */
  readonly contextOf: (attempt: number, signal: AbortSignal) => AttemptContext;
}

/** What one try is given. */
export interface AttemptContext {
  /** What the run function gets. */
  readonly context: TaskRunContext<ArgsShape, DepsShape>;
  /** Ends all that the try started. */
  stop(graceMs: number): Promise<void>;
}

/** What a task gave, and how. */
export interface AttemptResult {
  /** The result. */
  readonly value: unknown;
  /** The evidence, if there was nothing to do. */
  readonly fresh?: string;
}

/** Runs a task. */
export async function runAttempts(
  node: GraphNode,
  options: AttemptOptions,
): Promise<AttemptResult> {
  const { retry } = node.task.declared;
  const failures: Error[] = [];
  for (let attempt = 1;; attempt++) {
    options.report({ type: "task-start", task: node.label, attempt });
    try {
      return await runAttempt(node, attempt, options);
    } catch (thrown) {
      const error = toError(thrown);
      failures.push(error);
      const again = attempt < retry.attempts && !options.signal.aborted &&
        retry.when(error, attempt);
      if (!again) {
        throw failures.length === 1 || options.signal.aborted
          ? error
          : new RetriedError(node.label, failures);
      }
      const delayMs = waitAfterMs(retry, attempt, options.random());
      options.report({
        type: "task-retry",
        task: node.label,
        attempt,
        delayMs,
        error: errorData(error),
      });
      await sleep(delayMs, options.signal);
    }
  }
}

async function runAttempt(
  node: GraphNode,
  attempt: number,
  options: AttemptOptions,
): Promise<AttemptResult> {
  const { declared } = node.task;
  const { graceMs } = options;
  if (!declared.usesContext && !mayEndAlone(node, options)) {
    return await runPlainly(node, attempt, options);
  }
  const own = new AbortController();
  const follow = () => own.abort(options.signal.reason);
  if (options.signal.aborted) follow();
  else options.signal.addEventListener("abort", follow, { once: true });
  using _limit = declared.timeoutMs === undefined ? undefined : longTimeout(() => {
    const limit = formatDuration(declared.timeoutMs!);
    own.abort(new TimedOutError(`Cannot finish "${node.label}": it took longer than ${limit}`));
  }, declared.timeoutMs);
  const { context, stop } = options.contextOf(attempt, own.signal);
  let stopping: Promise<void> | undefined;
  own.signal.addEventListener("abort", () => void (stopping = stop(graceMs)), { once: true });
  try {
    return await called(node, context, own.signal, options);
  } catch (thrown) {
    const reason: unknown = own.signal.aborted ? own.signal.reason : thrown;
    if (!own.signal.aborted) own.abort(reason);
    throw reason;
  } finally {
    await stopping;
    options.signal.removeEventListener("abort", follow);
  }
}

/** Whether a try may end otherwise than its run, which then goes on without what the try started. */
function mayEndAlone(
  { task: { declared: { retry, timeoutMs } } }: GraphNode,
  { amongOthers }: AttemptOptions,
): boolean {
  return amongOthers || timeoutMs !== undefined || retry.attempts > 1;
}

/** One try of a task whose functions take nothing, and whose end is that of the run: there is nothing that could be stopped but the wait for it. */
async function runPlainly(
  node: GraphNode,
  attempt: number,
  options: AttemptOptions,
): Promise<AttemptResult> {
  const { signal } = options;
  try {
    return await called(node, options.contextOf(attempt, signal).context, signal, options);
  } catch (thrown) {
    throw signal.aborted ? signal.reason : thrown;
  }
}

/** Refuses what `deno run`, which checks no types, would let stand for the work: a task would be left out, and told as done. */
function evidence(fresh: unknown, label: string): Fresh<unknown> {
  const { why } = Object(fresh) as Partial<Fresh<unknown>>;
  if (typeof why === "string") return fresh as Fresh<unknown>;
  throw new UsageError(`Cannot run "${label}": its fresh gave no evidence`, {
    hint: "fresh gives an object whose why is a text, or undefined where there is something to do",
  });
}

/** Calls the functions of a task; one that does not end after an abort is given up. */
async function called(
  node: GraphNode,
  context: AttemptContext["context"],
  signal: AbortSignal,
  options: AttemptOptions,
): Promise<AttemptResult> {
  const { task: { declared }, label } = node;
  const { ambient, takeFresh, graceMs, report } = options;
  const run = async (): Promise<AttemptResult> => {
    const fresh = takeFresh ? await declared.fresh?.(context) : undefined;
    if (fresh !== undefined) {
      const { why, value } = evidence(fresh, label);
      return { value, fresh: why };
    }
    return { value: await declared.run(context) };
  };
  const own = { label, signal, refreshed: !takeFresh };
  const running = withinTask(ambient, own, mayEndAlone(node, options), run);
  return await settledOrGivenUp(running, signal, graceMs + 1000, () => {
    const message = `did not end within ${formatDuration(graceMs + 1000)} of its stop`;
    report({ type: "log", task: label, level: "warning", message });
  });
}

async function settledOrGivenUp<T>(
  run: Promise<T>,
  signal: AbortSignal,
  graceMs: number,
  givenUp: () => void,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let listen: (() => void) | undefined;
  const given = new Promise<never>((_resolve, reject) => {
    listen = () => {
      timer = setTimeout(() => {
        givenUp();
        reject(signal.reason);
      }, graceMs);
    };
    if (signal.aborted) listen();
    else signal.addEventListener("abort", listen, { once: true });
  });
  try {
    return await Promise.race([run, given]);
  } finally {
    if (timer !== undefined) clearTimeout(timer);
    signal.removeEventListener("abort", listen!);
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      timer[Symbol.dispose]();
      reject(signal.reason);
    };
    const timer = longTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
