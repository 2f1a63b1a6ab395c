import * as v from "valibot";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { UnreachableError } from "../base/errors.ts";
import { bodyStart } from "../http/body_start.ts";
import type { HttpClient } from "../http/client.ts";
import { displayUrl } from "../http/display_url.ts";
import type { ReleaseAsset } from "./release_asset.ts";

/** What releases of many hundred files take is a fraction of this. */
const largestBytes = 16 * 1024 * 1024;
const schema = v.pipe(
  v.string(),
  v.parseJson(),
  v.looseObject({
    assets: v.array(v.looseObject({ name: v.string(), digest: v.nullish(v.string()) })),
  }),
);
const action = "ask for the digests of the release";

/**
 * The digest that the site of a release publishes for a file of it: it comes another way than the file itself, from a mirror or a
 * CDN. `undefined` where the site publishes none.
 *
 * @param api the base of the API: `https://api.github.com`
 * @param patienceMs how long all of it may take: who only vouches is not waited for longer
 * @throws {UnreachableError} if the answer did not come in time, or is none of such a site
 */
export async function publishedDigest(
  client: HttpClient,
  asset: ReleaseAsset,
  api: string,
  patienceMs: number,
): Promise<Digest | undefined> {
  const url = `${api}/repos/${asset.repository}/releases/tags/${encodeURIComponent(asset.tag)}`;
  const fail = (state: string) =>
    new UnreachableError(`Cannot ${action} ${displayUrl(url)}: ${state}`);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(fail(`no answer within ${patienceMs} ms`)), patienceMs);
  try {
    const response = await client.request(url, {
      action,
      headers: { accept: "application/vnd.github+json" },
      signal: late.signal,
    });
    const release = v.safeParse(schema, await bodyStart(response, largestBytes, patienceMs));
    if (!release.success) throw fail("the answer is not of a release");
    const digest = release.output.assets.find(({ name }) => name === asset.name)?.digest;
    return digest !== undefined && digest !== null && isDigest(digest) ? digest : undefined;
  } catch (error) {
    late.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
