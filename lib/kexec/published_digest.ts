import * as v from "valibot";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { bodyStart } from "../http/body_start.ts";
import type { HttpClient } from "../http/client.ts";
import type { ReleaseAsset } from "./release_asset.ts";

/** What releases of many hundred files take is a fraction of this. */
const largestBytes = 16 * 1024 * 1024;
const schema = v.looseObject({
  assets: v.array(v.looseObject({ name: v.string(), digest: v.nullish(v.string()) })),
});

/**
 * The digest that the site of a release publishes for a file of it: it comes another way than the file itself, from a mirror or a
 * CDN. `undefined` where the site publishes none.
 *
 * @param api the base of the API: `https://api.github.com`
 */
export async function publishedDigest(
  client: HttpClient,
  asset: ReleaseAsset,
  api: string,
): Promise<Digest | undefined> {
  const tag = encodeURIComponent(asset.tag);
  const response = await client.request(`${api}/repos/${asset.repository}/releases/tags/${tag}`, {
    action: "ask for the digests of the release",
    headers: { accept: "application/vnd.github+json" },
  });
  const release = v.safeParse(schema, JSON.parse(await bodyStart(response, largestBytes)));
  if (!release.success) return undefined;
  const digest = release.output.assets.find(({ name }) => name === asset.name)?.digest;
  return digest !== undefined && digest !== null && isDigest(digest) ? digest : undefined;
}
