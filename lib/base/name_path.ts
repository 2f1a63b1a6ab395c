import { codeOf } from "./errors.ts";

/** An error of the system, which then names a path: of a file that is open the system does not tell which one it is. */
export function namePath(error: unknown, path: string): unknown {
  if (
    error instanceof Error && codeOf(error) !== undefined && !error.message.includes(`'${path}`)
  ) {
    error.message = `${error.message}: '${path}'`;
  }
  return error;
}
