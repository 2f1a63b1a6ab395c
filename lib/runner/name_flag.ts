import { UsageError } from "../base/errors.ts";
import { argLabel, type ArgValues } from "./resolve_args.ts";
import type { AnyTask } from "./task.ts";

/**
 * What a usage error says, with the flag whose value it refuses: a task function knows nothing of flags. Where no flag has such a value,
 * or more than one, and where the flag is named already, it stays as it is.
 */
export function nameFlag(message: string, error: unknown, task: AnyTask, args: ArgValues): string {
  if (!(error instanceof UsageError)) return message;
  const found = new Map<string, string>();
  for (const [key, declared] of Object.entries(task.args)) {
    const value = args[key];
    if (declared.positional || value === declared.default) continue;
    for (const text of [value].flat()) {
      const quoted = JSON.stringify(text);
      if (typeof text === "string" && message.includes(quoted)) {
        found.set(argLabel(key, declared), quoted);
      }
    }
  }
  const [[label, quoted] = ["", ""], ...more] = found;
  if (more.length > 0 || label === "" || message.includes(label)) return message;
  return message.replace(quoted, () => `${quoted} of ${label}`);
}
