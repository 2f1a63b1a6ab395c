/** What a Content-Range header says. */
export interface ContentRange {
  /** The first byte sent; `undefined` in an answer to a range that cannot be had. */
  start?: number;
  /** The byte after the last. */
  end?: number;
  /** The size of the whole, where it is known. */
  total?: number;
}

/** Reads a Content-Range header (RFC 9110, section 14.4); `undefined` where it is missing or makes no sense. */
export function parseContentRange(value: string | null): ContentRange | undefined {
  const match = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(value?.trim() ?? "");
  if (match === null) return undefined;
  const [, first, last, whole] = match;
  const total = whole === "*" ? undefined : Number(whole);
  if (first === undefined) return total === undefined ? undefined : { total };
  const start = Number(first);
  const end = Number(last) + 1;
  if (!Number.isSafeInteger(end) || end <= start) return undefined;
  if (total !== undefined && (end > total || !Number.isSafeInteger(total))) return undefined;
  return { start, end, ...(total === undefined ? {} : { total }) };
}
