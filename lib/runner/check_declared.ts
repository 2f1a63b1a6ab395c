import type { ArgsShape } from "./arg.ts";
import { nearest } from "./nearest.ts";
import type { DepsShape, TaskOptions } from "./task.ts";

const kinds = {
  text: [(value: unknown) => typeof value === "string", "a text"],
  number: [(value: unknown) => typeof value === "number", "a number"],
  switch: [(value: unknown) => typeof value === "boolean", "true or false"],
  list: [(value: unknown) => Array.isArray(value), "a list"],
  object: [isObject, "an object"],
  function: [(value: unknown) => typeof value === "function", "a function"],
} as const;

const options: Readonly<
  Record<keyof TaskOptions<ArgsShape, DepsShape, unknown>, readonly (keyof typeof kinds)[]>
> = {
  name: ["text"],
  description: ["text"],
  group: ["text"],
  args: ["object"],
  deps: ["object", "function"],
  needs: ["list"],
  timeout: ["number", "text"],
  retry: ["number", "object"],
  confirm: ["text", "function"],
  query: ["switch"],
  permissions: ["object", "function"],
  fresh: ["function"],
  run: ["function"],
  output: ["function"],
};

const needs: readonly string[] = ["tool", "env", "file", "host", "freeBytes"];

/**
 * Refuses what `deno run`, which checks no types, would let pass: a question or a need under a misspelt name would never be
 * asked, and a task that erases disks runs without it.
 */
export function checkDeclared(
  given: object,
  refuse: (state: string, hint?: string) => never,
): void {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(options, name)) {
      const near = nearest(name, Object.keys(options));
      refuse(
        `it has no option "${name}"`,
        near === undefined ? undefined : `did you mean ${near}?`,
      );
    }
    const allowed = options[name as keyof typeof options].map((kind) => kinds[kind]);
    if (value !== undefined && !allowed.some(([fits]) => fits(value))) {
      refuse(`its ${name} must be ${allowed.map(([, what]) => what).join(" or ")}`);
    }
  }
  for (const [key, declared] of Object.entries((given as { args?: object }).args ?? {})) {
    if (!isObject(declared) || !("presence" in declared)) {
      refuse(`its argument "${key}" was not made by arg`);
    }
  }
  for (const need of (given as { needs?: readonly unknown[] }).needs ?? []) {
    if (!isObject(need) || !needs.some((name) => name in need)) {
      refuse(`one of its needs names none of ${needs.join(", ")}`);
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
