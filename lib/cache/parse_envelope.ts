import * as v from "valibot";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import type { Envelope } from "./cache_entry.ts";

const isDigestText = (data: unknown): boolean => typeof data === "string" && isDigest(data);

const digestsSchema = v.array(v.custom<Digest>(isDigestText, "not a digest"));

/** The envelope of every pointer. */
const envelopeSchema: v.GenericSchema<unknown, Envelope> = v.looseObject({
  key: v.string(),
  created: v.pipe(v.string(), v.isoTimestamp()),
  updated: v.pipe(v.string(), v.isoTimestamp()),
  by: v.optional(v.string(), ""),
  refs: v.optional(digestsSchema, []),
  spare: v.exactOptional(digestsSchema),
  value: v.unknown(),
});

/** Reads data as the envelope of a pointer, or says what is wrong with it. */
export function parseEnvelope(data: unknown): v.SafeParseResult<typeof envelopeSchema> {
  return v.safeParse(envelopeSchema, data);
}
