/**
 * What a finished download is, written beside it before it is moved to its place: whoever comes after a kill in between knows what
 * was moved.
 *
 * @module
 */
import { join } from "@std/path";
import * as v from "valibot";
import { writeFileAtomic } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { clearWay, readPlainText } from "../base/files.ts";
import { parsedJson } from "./control_file.ts";
import type { Validators } from "./validators.ts";

/** A finished download. */
export interface Pending {
  /** The digest of its contents. */
  digest: Digest;
  /** By what its version is known. */
  validators: Validators;
}

const name = "finished.json";
const schema = v.looseObject({
  digest: v.custom<Digest>((data) => typeof data === "string" && isDigest(data)),
  validators: v.looseObject({
    etag: v.exactOptional(v.string()),
    lastModified: v.exactOptional(v.string()),
  }),
});

/** Writes what the download in a folder is. */
export async function writePending(folder: string, { digest, validators }: Pending): Promise<void> {
  await clearWay(join(folder, name));
  await writeFileAtomic(join(folder, name), JSON.stringify({ digest, validators }));
}

/** Reads what the download in a folder was; `undefined` where it was not finished. */
export async function readPending(folder: string): Promise<Pending | undefined> {
  const text = await readPlainText(join(folder, name));
  const parsed = v.safeParse(schema, text === undefined ? undefined : parsedJson(text));
  return parsed.success ? parsed.output : undefined;
}
