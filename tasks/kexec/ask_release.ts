import type { Digest } from "../../lib/base/digest.ts";
import { HttpClient } from "../../lib/http/client.ts";
import type { RetryPolicy } from "../../lib/http/retry_policy.ts";
import { publishedDigest } from "../../lib/kexec/published_digest.ts";
import type { ReleaseAsset } from "../../lib/kexec/release_asset.ts";
import type { Step } from "../../lib/operation/operation.ts";

/** Who only vouches for a bundle is waited for no longer, in milliseconds. */
const longestMs = 15_000;

/** Asks the API of a release for the digest of a file of it. */
export async function askRelease(
  asset: ReleaseAsset,
  api: string,
  { retry, idleTimeoutMs = longestMs }: { retry?: RetryPolicy; idleTimeoutMs?: number },
  { meter, signal }: Step,
): Promise<Digest | undefined> {
  const client = new HttpClient({
    meter,
    signal,
    retry: retry ?? { retries: 1, baseMs: 200, ceilingMs: 500 },
  });
  return await publishedDigest(client, asset, api, Math.min(idleTimeoutMs, longestMs));
}
