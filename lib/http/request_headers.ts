import { UsageError } from "../base/errors.ts";

/** What goes along to another origin: headers that servers call as they like, PRIVATE-TOKEN and the like, are for the one that was named. */
const harmlessHeaders: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "cache-control",
  "content-length",
  "content-range",
  "content-type",
  "idempotency-key",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "pragma",
  "range",
  "user-agent",
  "x-amz-content-sha256",
]);

/**
 * The headers of a request. The language would tell the whole value of one that it refuses, a token for example.
 *
 * @throws {UsageError} naming the header of which the value, or the name, cannot be sent
 */
export function headersOf(headers: Readonly<Record<string, string>> = {}): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    try {
      all.set(name, value);
    } catch {
      throw new UsageError(
        `Cannot send the header ${
          JSON.stringify(name)
        }: its value, or its name, has a character that none may have`,
        { hint: "is there a line break in the token?" },
      );
    }
  }
  return all;
}

/** Takes away, where a redirect leads to another origin, what may let somebody in. */
export function leaveOrigin(headers: Headers): void {
  for (const name of [...headers.keys()]) {
    if (!harmlessHeaders.has(name)) headers.delete(name);
  }
}
