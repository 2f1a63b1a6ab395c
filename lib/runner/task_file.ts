import { UsageError } from "../base/errors.ts";
import { flagName } from "./flag_name.ts";
import { nearest } from "../base/nearest.ts";
import { settingArgs, settingShorts } from "./settings.ts";
import type { AnyTask } from "./task.ts";

/** The tasks of a task file, by their names. */
export type TaskMap = ReadonlyMap<string, AnyTask>;

/**
 * Collects the tasks that a file exports.
 *
 * @throws {UsageError} if one is not a task, two have one name, or one has a flag that every task file has
 */
export function collectTasks(tasks: Readonly<Record<string, AnyTask>>): TaskMap {
  const map = new Map<string, AnyTask>();
  // Parsed flags do not tell one letter with two dashes from one with one.
  const reserved = new Set([...Object.keys(settingArgs), ...Object.keys(settingShorts)]);
  for (const [name, task] of Object.entries(tasks)) {
    if (!isTask(task)) {
      throw new UsageError(`Cannot use "${name}" as a task: it was not made by task()`, {
        hint: "hand main() the tasks alone: main({ build, deploy })",
      });
    }
    const other = map.get(task.name);
    if (other !== undefined && other !== task) {
      throw new UsageError(
        `Cannot use two tasks with the name "${task.name}": it must be theirs alone`,
      );
    }
    for (const [key, declared] of Object.entries(task.args)) {
      if (!declared.positional && reserved.has(key)) {
        throw new UsageError(
          `Cannot use the task "${task.name}": its flag --${flagName(key)} is ${
            Object.hasOwn(settingShorts, key)
              ? `read as -${key}, which is --${settingShorts[key]} of every task file`
              : "one of every task file"
          }`,
          { hint: "give the argument another name" },
        );
      }
    }
    map.set(task.name, task);
  }
  return map;
}

/** Whether it is one; a compiler that is not asked lets anything in. */
function isTask(value: unknown): value is AnyTask {
  return typeof value === "object" && value !== null && "declared" in value;
}

/**
 * The task of a name.
 *
 * @throws {UsageError} if there is none
 */
export function findTask(tasks: TaskMap, name: string): AnyTask {
  const found = tasks.get(name);
  if (found !== undefined) return found;
  const near = nearest(name, [...tasks.keys()]);
  throw new UsageError(`Cannot run "${name}": there is no such task`, {
    hint: near === undefined ? "--list shows the tasks" : `did you mean "${near}"?`,
  });
}
