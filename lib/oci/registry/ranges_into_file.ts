/**
 * Brings a large blob in ranges over several connections; what fetches in ranges is loaded by the first.
 *
 * @module
 */
import { KedgeError, NoRoomError, VerificationError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import { download } from "../../http/download.ts";
import { probe } from "../../http/probe.ts";
import { readSoundControl } from "../../http/sound_control.ts";
import type { BlobTransfer, RangedDownload } from "../image_store.ts";
import { missingBlob } from "./missing_blob.ts";
import { wrongDigest } from "../wrong_digest.ts";

/** How many connections fetch one blob. */
export const connections = 4;

/**
 * Fetches a blob into a folder, and goes on with what an earlier run left there; where one place fails, the next goes on where it ended.
 *
 * @throws {VerificationError} if its bytes are wrong
 * @throws {UnreachableError} if they did not come
 * @throws {NotAllowedError} if the registry refuses them
 * @throws {KedgeError} if it does not have them
 */
export async function rangesIntoFile(
  transfer: BlobTransfer,
  places: readonly RangedDownload[],
  folder: string,
  meter: Meter,
): Promise<void> {
  const { descriptor, source: { name } } = transfer;
  for (const [at, place] of places.entries()) {
    try {
      return await fetchFrom(place, transfer, folder, meter);
    } catch (cause) {
      transfer.signal.throwIfAborted();
      const isMissing = cause instanceof KedgeError && cause.data["status"] === 404;
      const error = isMissing ? missingBlob(descriptor.digest, { name, side: "source" }) : cause;
      if (at === places.length - 1 || !(error instanceof KedgeError)) throw error;
      // Of wrong bytes the source is told, which then says whether there are others.
      if (error instanceof NoRoomError || error instanceof VerificationError) throw error;
      meter.note(`${error.message}; going on with the next place`, "warning");
    }
  }
}

async function fetchFrom(
  { client, url, retry }: RangedDownload,
  { descriptor, source, progress, signal }: BlobTransfer,
  folder: string,
  meter: Meter,
): Promise<void> {
  const { digest } = descriptor;
  const control = await readSoundControl(folder, digest);
  const request = {
    url: url.href,
    action: "get the blob",
    digestKnown: true,
    ...(control?.size === descriptor.size ? { partial: control } : {}),
  };
  const found = await probe(client, request);
  if (found.size !== undefined && found.size !== descriptor.size) {
    await found.response.body?.cancel();
    throw new VerificationError(
      `Cannot take ${digest} from "${source.name}": it has ${found.size} bytes, not ${descriptor.size}`,
      { side: "source" },
    );
  }
  const got = await download({
    client,
    request,
    probe: found,
    folder,
    source: digest,
    digest,
    connections,
    partSums: true,
    retry,
    meter,
    object: progress,
    signal,
  });
  if (got.digest === digest) return;
  await Deno.remove(folder, { recursive: true });
  throw wrongDigest(descriptor, source.name, got.digest);
}
