/**
 * The built-in task file: the tasks of `mod.ts` run as a program.
 *
 * @module
 */
import type { AnyTask } from "../../lib/runner/task.ts";
import { imageSyncTask } from "./image.ts";
import { publishTask } from "./publish.ts";

/** The built-in tasks. */
export const builtinTasks: Readonly<Record<string, AnyTask>> = {
  imageSyncTask,
  publishTask,
};
