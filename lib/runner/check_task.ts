import { parseDuration } from "../base/duration.ts";
import { defined } from "../base/defined.ts";
import { UsageError } from "../base/errors.ts";
import type { ArgsShape } from "./arg.ts";
import { checkDeclared } from "./check_declared.ts";
import { flagName } from "./flag_name.ts";
import { retryPlan } from "./retry.ts";
import { takesContext } from "./takes_context.ts";
import type { DeclaredTask, DepsShape, TaskOptions } from "./task_type.ts";

/**
 * Checks a declaration and brings it into the runner's form.
 *
 * @throws {UsageError} if it cannot be
 */
export function checkTask<R>(
  options: TaskOptions<ArgsShape, DepsShape, R>,
): DeclaredTask<R> {
  if (typeof options !== "object" || options === null) {
    throw new UsageError("Cannot declare a task: its options must be an object");
  }
  const { name } = options;
  if (typeof name !== "string" || !/^[a-z0-9][\w.-]*(:[a-z0-9][\w.-]*)*$/i.test(name)) {
    throw new UsageError(
      `Cannot declare the task ${JSON.stringify(name)}: its name is not a word`,
      {
        hint: "letters, digits, '-', '_', '.', and ':' between words",
      },
    );
  }
  const refuse: (state: string, hint?: string) => never = (state, hint) => {
    throw new UsageError(`Cannot declare the task "${name}": ${state}`, defined({ hint }));
  };
  if (typeof options.run !== "function") refuse("it has no run function");
  if (!options.description) refuse("it has no description");
  checkDeclared(options, refuse);
  checkArgs(options.args ?? {}, refuse);
  const timeoutMs = refusing(
    refuse,
    () => typeof options.timeout === "string" ? parseDuration(options.timeout) : options.timeout,
  );
  if (timeoutMs !== undefined && !(timeoutMs > 0)) refuse(`its timeout is ${timeoutMs}`);
  const retry = refusing(refuse, () => retryPlan(options.retry));
  const { confirm, permissions, output } = options;
  return {
    deps: options.deps ?? {},
    needs: options.needs ?? [],
    query: options.query ?? false,
    usesContext: takesContext(options.run) || takesContext(options.fresh),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    retry,
    ...(confirm === undefined
      ? {}
      : { confirm: typeof confirm === "function" ? confirm : () => confirm }),
    ...(permissions === undefined
      ? {}
      : { permissions: typeof permissions === "function" ? permissions : () => permissions }),
    ...(options.fresh === undefined ? {} : { fresh: options.fresh }),
    run: async (context) => await options.run(context),
    ...(output === undefined ? {} : { output: (result) => output(result as R) }),
  };
}

function checkArgs(args: ArgsShape, refuse: (state: string) => never): void {
  let open: string | undefined;
  let optional: string | undefined;
  const flags = new Set<string>();
  for (const [key, declared] of Object.entries(args)) {
    if (!/^[a-z][A-Za-z0-9]*$/.test(key)) refuse(`its argument "${key}" is not a camelCase word`);
    if (declared.positional) {
      if (open !== undefined) refuse(`its argument "${key}" stands after the list "${open}"`);
      if (declared.presence === "required" && optional !== undefined) {
        refuse(`its argument "${key}" must be given, but "${optional}" before it may be left out`);
      }
      if (declared.kind === "boolean") refuse(`its argument "${key}" is a switch without a flag`);
      if (declared.kind === "list") open = key;
      if (declared.presence !== "required") optional = key;
    } else {
      const flag = flagName(key);
      if (flags.has(flag)) refuse(`two of its arguments are --${flag}`);
      flags.add(flag);
    }
  }
}

/** What a part of the declaration comes to; one that cannot be is refused in the task's name. */
function refusing<T>(refuse: (state: string) => never, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) return refuse(error.message);
    throw error;
  }
}
