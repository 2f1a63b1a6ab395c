/** What identifies a version of a resource: its strong ETag and its date. */
export interface Validators {
  /** A strong ETag, quotes included. */
  etag?: string;
  /** The Last-Modified date, as the server wrote it. */
  lastModified?: string;
}

/** The validators of an answer; weak and malformed ETags are none. */
export function validatorsOf(headers: Headers): Validators {
  const etag = headers.get("etag")?.trim();
  const lastModified = headers.get("last-modified")?.trim();
  return {
    ...(etag !== undefined && /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag) ? { etag } : {}),
    ...(lastModified && !Number.isNaN(Date.parse(lastModified)) ? { lastModified } : {}),
  };
}

/** What If-Range may carry: a strong ETag, else a date; `undefined` where there is neither. */
export function ifRangeOf(validators: Validators): string | undefined {
  return validators.etag ?? validators.lastModified;
}

/** The headers that ask whether something changed. */
export function conditionOf(validators: Validators): Record<string, string> {
  if (validators.etag !== undefined) return { "if-none-match": validators.etag };
  if (validators.lastModified !== undefined) {
    return { "if-modified-since": validators.lastModified };
  }
  return {};
}

/**
 * Whether two answers are of the same version, as far as they say: by ETag where both have one, else by date. Where
 * neither can be compared there is no evidence of a change.
 */
export function sameVersion(a: Validators, b: Validators): boolean {
  if (a.etag !== undefined && b.etag !== undefined) return a.etag === b.etag;
  if (a.lastModified !== undefined && b.lastModified !== undefined) {
    return a.lastModified === b.lastModified;
  }
  return true;
}
