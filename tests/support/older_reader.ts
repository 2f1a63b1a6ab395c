/**
 * The reader of pointers as it was in the first program that wrote bucket version 1: it knows neither `spare` nor
 * `unpacked`. It must not be changed when the present reader is.
 *
 * @module
 */
import * as v from "valibot";

const digestSchema = v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/));

const envelopeSchema = v.looseObject({
  key: v.string(),
  created: v.pipe(v.string(), v.isoTimestamp()),
  updated: v.pipe(v.string(), v.isoTimestamp()),
  by: v.optional(v.string(), ""),
  refs: v.optional(v.array(digestSchema), []),
  value: v.unknown(),
});

const recordSchema = v.looseObject({
  digest: digestSchema,
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  name: v.string(),
  fetched: v.string(),
  checkedMs: v.number(),
  etag: v.exactOptional(v.string()),
  lastModified: v.exactOptional(v.string()),
  freshMs: v.exactOptional(v.number()),
  mustRevalidate: v.exactOptional(v.boolean()),
  hashedMs: v.exactOptional(v.number()),
  previous: v.exactOptional(
    v.array(v.looseObject({ digest: digestSchema, size: v.number(), fetched: v.string() })),
  ),
});

/** What the older reader makes of a pointer of the bucket `kexec-v1`. */
export interface OlderRecord {
  /** What it is the pointer of. */
  key: string;
  /** What prune keeps for it. */
  refs: readonly string[];
  /** The digest of the contents. */
  digest: string;
  /** Their size in bytes. */
  size: number;
  /** The versions before. */
  previous: readonly string[];
}

/** Reads a pointer as the older program did; throws what it would have called unreadable. */
export async function readAsOlder(path: string): Promise<OlderRecord> {
  const { key, refs, value } = v.parse(envelopeSchema, JSON.parse(await Deno.readTextFile(path)));
  const { digest, size, previous = [] } = v.parse(recordSchema, value);
  return { key, refs, digest, size, previous: previous.map((each) => each.digest) };
}

/** Confirms a pointer as the older program did: it changes two dates and keeps what it does not know. */
export async function confirmAsOlder(path: string, checkedMs: number): Promise<void> {
  const before = v.parse(envelopeSchema, JSON.parse(await Deno.readTextFile(path)));
  const value = { ...v.parse(recordSchema, before.value), checkedMs };
  const updated = new Date(checkedMs).toISOString();
  await Deno.writeTextFile(path, JSON.stringify({ ...before, updated, value }));
}
