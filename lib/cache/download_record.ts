import { defined } from "../base/defined.ts";
import type { Digest } from "../base/digest.ts";
import type { EntrySchema } from "./entry_schema.ts";
import {
  entrySchema,
  isDigestText,
  isListOf,
  isNumber,
  isShaped,
  isSize,
  isSwitch,
  isText,
} from "./entry_shape.ts";

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
  /** The link that keeps the contents in the Nix store, as Nix was told where it is; empty where none does any more. */
  storeRoot?: string;
  /** The version before, and its unpacked folder. */
  previous?: { digest: Digest; size: number; fetched: string; tree?: Digest }[];
}

/** Checks it. */
export const downloadRecordSchema: EntrySchema<DownloadRecord> = entrySchema({
  required: {
    digest: isDigestText,
    size: isSize,
    name: isText,
    fetched: isText,
    checkedMs: isNumber,
  },
  optional: {
    etag: isText,
    lastModified: isText,
    freshMs: isNumber,
    mustRevalidate: isSwitch,
    hashedMs: isNumber,
    unpacked: isShaped({ required: { tree: isDigestText, stamp: isText } }),
    storeRoot: isText,
    previous: isListOf(isShaped({
      required: { digest: isDigestText, size: isNumber, fetched: isText },
      optional: { tree: isDigestText },
    })),
  },
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
