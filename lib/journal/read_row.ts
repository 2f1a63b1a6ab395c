const times = ["started", "ended", "at"];
const objects = ["figures", "error", "detail"];
const mostMs = 8.64e15; // Farther from 1970 there is no date.

/**
 * A row as data: others may have written it.
 *
 * @throws {Error} that says what is wrong with it
 */
export function readRow(row: Record<string, unknown>): Record<string, unknown> {
  const read = { ...row };
  for (const name of times) {
    if (Math.abs(Number(row[name] ?? 0)) <= mostMs) continue;
    throw new Error(`the "${name}" of a row is not a time`);
  }
  for (const name of objects) {
    if (typeof row[name] === "string") read[name] = objectIn(row[name], name);
  }
  return read;
}

function objectIn(text: string, name: string): object {
  const data: unknown = /^\s*\{/.test(text) ? parsed(text) : undefined;
  if (typeof data === "object" && data !== null) return data;
  throw new Error(`the "${name}" of a row is not an object in JSON`);
}

/** What a text in JSON says; `undefined` if it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
