import { KedgeError, NotAllowedError } from "../../base/errors.ts";
import { isReadOnly } from "../../base/files.ts";

/** The error of something that the system did not let be written; any other one as it is. */
export function notWritten(path: string, cause: unknown): unknown {
  const { code, message } = cause as { code?: unknown; message: string };
  if (cause instanceof KedgeError || typeof code !== "string") return cause;
  const told = `Cannot write "${path}": ${message}`;
  const options = { cause, side: "destination" } as const;
  if (!isReadOnly(cause)) return new KedgeError(told, options);
  const hint = "let this user write there, or name another store; nothing was committed";
  return new NotAllowedError(told, { ...options, hint });
}
