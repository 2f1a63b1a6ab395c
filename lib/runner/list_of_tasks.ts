import type { TaskMap } from "./task_file.ts";

/** The tasks, one a line; as JSON one object a line. */
export function listOfTasks(tasks: TaskMap, json = false): string {
  const all = [...tasks.values()];
  if (json) {
    return all.map((task) =>
      JSON.stringify({
        type: "task",
        name: task.name,
        description: task.description,
        ...(task.group === undefined ? {} : { group: task.group }),
      })
    ).join("\n");
  }
  const width = Math.max(0, ...all.map((task) => task.name.length));
  const groups = Map.groupBy(all, (task) => task.group ?? "");
  const lines: string[] = [];
  for (const [group, members] of groups) {
    if (lines.length > 0) lines.push("");
    if (group !== "") lines.push(`${group}:`);
    const indent = group === "" ? "" : "  ";
    for (const task of members) {
      lines.push(`${indent}${task.name.padEnd(width)}  ${task.description}`);
    }
  }
  return lines.join("\n");
}
