import { ExitCode, exitCodeOf, UsageError } from "../base/errors.ts";
import type { Redactor } from "../base/redactor.ts";
import { errorData } from "../operation/error_data.ts";
import type { RunResult } from "./events.ts";
import type { Execution } from "./execution.ts";
import type { GraphNode } from "./graph.ts";
import { plainData } from "./plain_data.ts";
import type { AnyTask } from "./task.ts";

/** What came of a run. */
export interface Outcome {
  /** What the program is to end with. */
  readonly exitCode: ExitCode;
  /** What is printed, unredacted. */
  readonly lines: readonly string[];
  /** What is told last, redacted. */
  readonly result: RunResult;
}

/** Runs a task with all that it waits for; a failure is an outcome too. */
export async function outcomeOf(
  execution: Execution,
  root: GraphNode,
  redactor: Redactor,
): Promise<Outcome> {
  const { task } = root;
  const told = { type: "result", task: task.name } as const;
  try {
    const value = await execution.run(root);
    const lines = outputLines(task, value);
    const plain = value === undefined ? undefined : plainData(value);
    const result = {
      ...told,
      ok: true,
      value: redactor.redactData(plain),
      lines: lines.map((line) => redactor.redact(line)),
    } as const;
    return { exitCode: ExitCode.ok, lines, result };
  } catch (error) {
    const { nameFlag } = await import("./name_flag.ts");
    const data = errorData(error);
    const message = nameFlag(data.message, error, task, root.args);
    const result = {
      ...told,
      ok: false,
      error: redactor.redactData({ ...data, message }),
    } as const;
    return { exitCode: exitCodeOf(error), lines: [], result };
  }
}

/**
 * What a task prints of its result, line by line.
 *
 * @throws {UsageError} if that is not a text, which a compiler that is not asked lets pass
 */
function outputLines({ name, declared }: AnyTask, value: unknown): readonly string[] {
  const output: unknown = declared.output?.(value) ?? [];
  const lines: readonly unknown[] = Array.isArray(output) ? output : [output];
  if (lines.every((line) => typeof line === "string")) return lines;
  throw new UsageError(`Cannot print the result of "${name}": its output is not a text`, {
    hint: "output gives a text, or a list of texts, and is not async",
  });
}
