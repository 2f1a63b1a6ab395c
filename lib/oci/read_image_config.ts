import * as v from "valibot";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import type { Descriptor, Platform } from "./descriptor.ts";

/** The config of an image that can run. */
export interface ImageConfig {
  /** Its digest. */
  digest: Digest;
  /** What it is, byte for byte. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The digests of the unpacked layers, from the lowest. */
  diffIds: readonly string[];
  /** For which machine it is, where it says so. */
  platform?: Platform;
}

const schema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    rootfs: v.object({ diff_ids: v.array(v.string()) }),
    os: v.optional(v.string(), ""),
    architecture: v.optional(v.string(), ""),
    variant: v.optional(v.string(), ""),
  }),
);
const largestBytes = 8 * 1024 * 1024;

/** Reads a config out of its verified bytes; `undefined` if it is none of an image that can run. */
export async function readImageConfig(
  { digest, size }: Descriptor,
  body: AsyncIterable<Uint8Array>,
): Promise<ImageConfig | undefined> {
  if (size > largestBytes || !isDigest(digest)) return undefined;
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of body) pieces.push(piece.slice());
  const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
  const parsed = v.safeParse(schema, new TextDecoder().decode(bytes));
  if (!parsed.success) return undefined;
  const { rootfs, os, architecture, variant } = parsed.output;
  return {
    digest,
    bytes,
    diffIds: rootfs.diff_ids,
    ...(os === "" || architecture === ""
      ? {}
      : { platform: { os, architecture, ...(variant === "" ? {} : { variant }) } }),
  };
}
