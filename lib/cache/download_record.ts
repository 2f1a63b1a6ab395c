import * as v from "valibot";
import { defined } from "../base/defined.ts";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";

const digestSchema = v.custom<Digest>((data) => typeof data === "string" && isDigest(data));

/** What the pointer of a downloaded file says. */
export interface DownloadRecord {
  /** The digest of its contents. */
  digest: Digest;
  /** Their size in bytes. */
  size: number;
  /** Its file name. */
  name: string;
  /** When it was fetched: an ISO time. */
  fetched: string;
  /** When the origin last said that it is the present one, in milliseconds since 1970. */
  checkedMs: number;
  /** Its strong ETag. */
  etag?: string;
  /** Its date at the origin. */
  lastModified?: string;
  /** For how long the origin lets it be used without asking, in milliseconds from `checkedMs`. */
  freshMs?: number;
  /** Whether the origin forbids its use once that time is over, even where it cannot be asked. */
  mustRevalidate?: boolean;
  /** When the file of the contents changed last as it was hashed, in milliseconds since 1970. */
  hashedMs?: number;
  /** The folder that it was unpacked into: the digest of its tree, and the stamp that it had when it was hashed. */
  unpacked?: { tree: Digest; stamp: string };
  /** The version before, and its unpacked folder. */
  previous?: { digest: Digest; size: number; fetched: string; tree?: Digest }[];
}

/** Checks it. */
export const downloadRecordSchema: v.GenericSchema<unknown, DownloadRecord> = v.looseObject({
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
  unpacked: v.exactOptional(v.looseObject({ tree: digestSchema, stamp: v.string() })),
  previous: v.exactOptional(
    v.array(v.looseObject({
      digest: digestSchema,
      size: v.number(),
      fetched: v.string(),
      tree: v.exactOptional(digestSchema),
    })),
  ),
});

/** The version before this one: to go back to. */
export function previousOf(
  before: DownloadRecord | undefined,
  digest: Digest,
): NonNullable<DownloadRecord["previous"]> {
  if (before === undefined) return [];
  const { size, fetched, unpacked } = before;
  const last = { digest: before.digest, size, fetched, ...defined({ tree: unpacked?.tree }) };
  return [last, ...(before.previous ?? [])]
    .filter((each) => each.digest !== digest).slice(0, 1);
}
