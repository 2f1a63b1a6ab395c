import { UsageError } from "../base/errors.ts";
import type { AnyTask } from "./task.ts";

/**
 * What a task prints of its result, line by line.
 *
 * @throws {UsageError} if that is not a text, which a compiler that is not asked lets pass
 */
export function outputLines({ name, declared }: AnyTask, value: unknown): readonly string[] {
  const output: unknown = declared.output?.(value) ?? [];
  const lines: readonly unknown[] = Array.isArray(output) ? output : [output];
  if (lines.every((line) => typeof line === "string")) return lines;
  throw new UsageError(`Cannot print the result of "${name}": its output is not a text`, {
    hint: "output gives a text, or a list of texts, and is not async",
  });
}
