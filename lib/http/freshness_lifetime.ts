const heuristicMs = 600_000;

/** How long an answer may be used without asking again. */
export interface FreshnessLifetime {
  /** From when it was received, in milliseconds; 0 where it must always be asked again. */
  freshMs: number;
  /** Whether it may be used stale where the origin cannot be asked. */
  mayBeStale: boolean;
}

/**
 * How long an answer is fresh for a private cache (RFC 9111, section 4.2): `max-age`, else Expires less Date, else ten minutes
 * where it has a Last-Modified date, else not at all. What it aged on its way is taken off: what Age says, or what Date shows where that is more. An answer that varies by
 * more than the encoding is not fresh, since it may be another for the next request.
 *
 * @param nowMs when it was received, in milliseconds since 1970
 */
export function freshnessLifetime(headers: Headers, nowMs: number): FreshnessLifetime {
  const control = parseCacheControl(headers.get("cache-control"));
  const mayBeStale = !control.mustRevalidate && !control.noCache && !control.noStore;
  const vary = (headers.get("vary") ?? "").toLowerCase().split(",")
    .map((name) => name.trim()).filter((name) => name !== "" && name !== "accept-encoding");
  if (control.noCache || control.noStore || vary.length > 0) return { freshMs: 0, mayBeStale };
  if (control.immutable) return { freshMs: Number.MAX_SAFE_INTEGER, mayBeStale };
  const wholeMs = control.maxAge === undefined ? expiryMs(headers, nowMs) : control.maxAge * 1000;
  return { freshMs: Math.max(0, wholeMs - agedMs(headers, nowMs)), mayBeStale };
}

/** What an answer that brings nothing says of a lifetime: it need not repeat what was said with the version. */
export function saidLifetime(
  { freshMs, mayBeStale }: FreshnessLifetime,
  headers: Headers,
): Partial<FreshnessLifetime> {
  if (headers.has("cache-control")) return { freshMs, mayBeStale };
  return headers.has("expires") ? { freshMs } : {};
}

/** How old an answer was when it came (RFC 9111, section 4.2.3); a part of a second, which Date does not tell, is none. */
function agedMs(headers: Headers, nowMs: number): number {
  const said = /^\s*(\d+)\s*(?:,|$)/.exec(headers.get("age") ?? "")?.[1];
  const sentMs = Date.parse(headers.get("date") ?? "");
  const apparent = Number.isNaN(sentMs) ? 0 : Math.floor((nowMs - sentMs) / 1000);
  return Math.max(0, Number(said ?? 0), apparent) * 1000;
}

function expiryMs(headers: Headers, nowMs: number): number {
  const expires = headers.get("expires");
  if (expires !== null) {
    const date = Date.parse(headers.get("date") ?? "");
    const end = Date.parse(expires);
    return Number.isNaN(end) ? 0 : Math.max(0, end - (Number.isNaN(date) ? nowMs : date));
  }
  return headers.has("last-modified") ? heuristicMs : 0;
}

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
 * counts, and a value that is not a number of seconds means stale; numbers beyond what can be counted are cut.
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
