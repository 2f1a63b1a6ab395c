import { exitCodeOf, KedgeError, toError } from "../base/errors.ts";
import { requestWords } from "../base/request_words.ts";
import { thrownAt } from "../base/thrown_at.ts";
import { displayUrls } from "../http/display_url.ts";
import type { CauseHint, ErrorData } from "./event.ts";

const deepest = 8;

/**
 * Anything thrown, as data for events and the journal. The words of others, such as those of a failed `fetch`, may hold whole URLs:
 * what is secret in them is left out.
 */
export function errorData(thrown: unknown): ErrorData {
  const error = toError(thrown);
  const hint = hintOf(error);
  const { causes, hints } = causesOf(error);
  const at = placeOf(error);
  return {
    name: error.name,
    message: wordsOf(error),
    exitCode: exitCodeOf(error),
    ...(hint === undefined ? {} : { hint }),
    ...(causes.length === 0 ? {} : { causes }),
    ...(hint !== undefined || hints.length === 0 ? {} : { hints }),
    ...(at === undefined ? {} : { at }),
  };
}

function hintOf(thrown: unknown): string | undefined {
  return thrown instanceof KedgeError ? thrown.hint : undefined;
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
function causesOf(error: Error): { causes: string[]; hints: CauseHint[] } {
  const causes: string[] = [];
  const hints: CauseHint[] = [];
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
      const hint = hintOf(next);
      if (hint !== undefined) hints.push({ cause: message, hint });
      said += `\n${message}`;
    }
    if (next instanceof Error) queue.push(...ledTo(next));
  }
  return { causes, hints };
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
