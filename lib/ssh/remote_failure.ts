import { KedgeError, NoRoomError } from "../base/errors.ts";

/** The error of a script that failed there: what it said last; a full disk is one of its own. */
export function remoteFailure(action: string, target: string, stderr: string): KedgeError {
  const last = stderr.trim().split("\n").at(-1)?.trim() ?? "";
  const state = last === "" ? "the script there failed" : last;
  const message = `Cannot ${action} "${target}": ${state}`;
  return /no space left|quota exceeded/i.test(stderr)
    ? new NoRoomError(message, { side: "destination", hint: "make room there" })
    : new KedgeError(message, { side: "destination" });
}
