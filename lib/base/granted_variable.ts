import { isGranted } from "./is_granted.ts";

/** An environment variable, as far as it may be read without asking for a permission; one that may not is not there. */
export function grantedVariable(variable: string): string | undefined {
  return isGranted({ name: "env", variable }) ? Deno.env.get(variable) : undefined;
}
