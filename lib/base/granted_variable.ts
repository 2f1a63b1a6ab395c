/** An environment variable, as far as it may be read without asking for a permission; one that may not is not there. */
export function grantedVariable(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
