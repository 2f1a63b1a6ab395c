import type { ArgsShape } from "./arg.ts";
import { checkNames, type Refuse } from "./check_names.ts";
import { checkPermissions } from "./check_permissions.ts";
import type { RetryOptions } from "./retry.ts";
import type { DepsShape, TaskOptions } from "./task_type.ts";

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

/** What else each kind of need may have. */
const needOptions: Readonly<Record<string, readonly string[]>> = {
  tool: ["version", "versionArgs"],
  env: [],
  file: [],
  host: ["timeoutMs"],
  freeBytes: ["at"],
};

const retries: readonly (keyof RetryOptions)[] = [
  "attempts",
  "delay",
  "factor",
  "maxDelay",
  "jitter",
  "when",
];

/**
 * Refuses what `deno run`, which checks no types, would let pass: a question, a need or a retry under a misspelt name would never be
 * asked, and a task that erases disks runs without it.
 */
export function checkDeclared(given: object, refuse: Refuse): void {
  checkNames("it has", given, Object.keys(options), refuse);
  for (const [name, value] of Object.entries(given)) {
    const allowed = options[name as keyof typeof options].map((kind) => kinds[kind]);
    if (value !== undefined && !allowed.some(([fits]) => fits(value))) {
      refuse(`its ${name} must be ${allowed.map(([, what]) => what).join(" or ")}`);
    }
  }
  const { args = {}, needs = [], retry, permissions } = given as Partial<
    { args: object; needs: readonly unknown[]; retry: unknown; permissions: unknown }
  >;
  for (const [key, declared] of Object.entries(args)) {
    if (!isObject(declared) || !("presence" in declared)) {
      refuse(`its argument "${key}" was not made by arg`);
    }
  }
  for (const need of needs) checkNeed(need, refuse);
  if (isObject(permissions)) checkPermissions(permissions, refuse);
  if (isObject(retry)) checkNames("its retry has", retry, retries, refuse);
}

function checkNeed(need: unknown, refuse: Refuse): void {
  const kind = Object.keys(needOptions).find((name) => isObject(need) && name in need);
  if (kind === undefined) {
    return refuse(`one of its needs names none of ${Object.keys(needOptions).join(", ")}`);
  }
  const value = (need as Record<string, unknown>)[kind];
  if (typeof value !== "string" && !(kind === "freeBytes" && typeof value === "number")) {
    refuse(`the "${kind}" of one of its needs must be a text`);
  }
  checkNames(
    `its need of a "${kind}" has`,
    need as object,
    [kind, "hint", ...needOptions[kind]!],
    refuse,
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
