import type { KedgeError } from "../base/errors.ts";

/** What people are told of a journal that the work goes on without. */
export function journalWarning({ message, hint }: KedgeError): string {
  return hint === undefined ? message : `${message}; ${hint}`;
}
