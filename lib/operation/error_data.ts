import { exitCodeOf, KedgeError, toError } from "../base/errors.ts";
import { requestWords } from "../base/request_words.ts";
import { thrownAt } from "../base/thrown_at.ts";
import { displayUrls } from "../http/display_url.ts";
import type { ErrorData } from "./event.ts";

const deepest = 8;

/**
 * Anything thrown, as data for events and the journal. The words of others, such as those of a failed `fetch`, may hold whole URLs:
 * what is secret in them is left out.
 */
export function errorData(thrown: unknown): ErrorData {
  const error = toError(thrown);
  const hint = error instanceof KedgeError ? error.hint : undefined;
  const causes = causesOf(error);
  const at = placeOf(error);
  return {
    name: error.name,
    message: wordsOf(error),
    exitCode: exitCodeOf(error),
    ...(hint === undefined ? {} : { hint }),
    ...(causes.length === 0 ? {} : { causes }),
    ...(at === undefined ? {} : { at }),
  };
}

/** The line of a user's file that threw an error, or what led to it. */
function placeOf(error: Error): string | undefined {
  let next: unknown = error;
  for (let depth = 0; depth < deepest && next instanceof Error; depth++) {
    const at = thrownAt(next);
    if (at !== undefined) return at;
    next = next.cause;
  }
  return undefined;
}

/** What led to an error, nearest first, but for what its own message says already. */
function causesOf(error: Error): string[] {
  const causes: string[] = [];
  let said = error.message;
  const seen = new Set<unknown>([error]);
  const queue: unknown[] = ledTo(error);
  while (queue.length > 0 && causes.length < deepest) {
    const next = queue.shift();
    if (next === undefined || next === null || seen.has(next)) continue;
    seen.add(next);
    const message = next instanceof Error ? wordsOf(next) : displayUrls(String(next));
    const isHeading = message === "fetch failed" && (next as Error).cause instanceof Error;
    if (message !== "" && !isHeading && !said.includes(requestWords(message))) {
      causes.push(message);
      said += `\n${message}`;
    }
    if (next instanceof Error) queue.push(...ledTo(next));
  }
  return causes;
}

/** What an error says, as it may be shown: the words of others without what is secret in their URLs. */
export function wordsOf(error: Error): string {
  return error instanceof KedgeError ? error.message : displayUrls(error.message);
}

/** Its cause, and the failures that an error of several keeps. */
function ledTo(error: Error): unknown[] {
  const { errors, failures } = error as { errors?: unknown; failures?: unknown };
  return [errors, failures].filter(Array.isArray).flat().concat([error.cause]);
}
