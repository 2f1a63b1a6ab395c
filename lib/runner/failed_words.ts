import { counted } from "../base/counted.ts";

/** What is said of tasks that failed, where why they did so is told elsewhere: `2 tasks failed: image, release`. */
export function failedWords(tasks: readonly string[]): string {
  return `${counted(tasks.length, "task")} failed: ${tasks.join(", ")}`;
}
