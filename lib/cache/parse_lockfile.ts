import * as v from "valibot";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";

const pinSchema = v.looseObject({
  digest: v.custom<Digest>((data) => typeof data === "string" && isDigest(data), "not a digest"),
  size: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  date: v.exactOptional(v.string()),
});
const fileSchema = v.looseObject({
  version: v.literal(1),
  pins: v.record(v.string(), pinSchema),
});

/** What a lockfile holds. */
export type LockfileData = v.InferOutput<typeof fileSchema>;

/**
 * Reads data as that of a lockfile.
 *
 * @throws {TypeError} if it is of another form
 */
export function parseLockfile(data: unknown): LockfileData {
  const parsed = v.safeParse(fileSchema, data);
  if (parsed.success) return parsed.output;
  const { message, path = [] } = parsed.issues[0];
  const place = path.map(({ key }) => JSON.stringify(key)).toReversed().join(" of ");
  throw new TypeError(place === "" ? message : `${place}: ${message}`);
}
