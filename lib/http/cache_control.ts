/** The directives of a Cache-Control header that a private cache heeds. */
export interface CacheControl {
  /** How long it is fresh, in seconds. */
  maxAge?: number;
  /** It must not be kept for use without asking. */
  noCache: boolean;
  /** It must not be kept. */
  noStore: boolean;
  /** It must not be used when it is stale, not even where the origin cannot be asked. */
  mustRevalidate: boolean;
  /** It never changes. */
  immutable: boolean;
}

const largestSeconds = 2 ** 31;

/**
 * Reads a Cache-Control header (RFC 9111, section 5.2). Names count without their case; of a directive given twice the first
 * counts, and a value that is no number of seconds means stale; numbers beyond what can be counted are cut.
 */
export function parseCacheControl(value: string | null): CacheControl {
  const found = new Map<string, string>();
  for (const part of split(value ?? "")) {
    const [, name, quoted, plain] = /^\s*([^=\s]+)\s*(?:=\s*(?:"([^"]*)"|(\S*)))?\s*$/.exec(part) ??
      [];
    if (name === undefined) continue;
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, quoted ?? plain ?? "");
  }
  const maxAge = found.get("max-age");
  return {
    noCache: found.has("no-cache"),
    noStore: found.has("no-store"),
    mustRevalidate: found.has("must-revalidate"),
    immutable: found.has("immutable"),
    ...(maxAge === undefined ? {} : { maxAge: seconds(maxAge) }),
  };
}

function seconds(text: string): number {
  return /^\d+$/.test(text) ? Math.min(largestSeconds, Number(text)) : 0;
}

/** Splits at the commas that stand outside of quotes. */
function split(text: string): string[] {
  return text.match(/(?:[^,"]|"[^"]*"?)+/g) ?? [];
}
