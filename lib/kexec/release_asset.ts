/** A file of a release on GitHub, or on a site with the same API. */
export interface ReleaseAsset {
  /** `owner/name`. */
  repository: string;
  /** The tag of the release. */
  tag: string;
  /** The name of the file. */
  name: string;
}

/** Which file of a release a URL names; `undefined` for any other URL. */
export function parseReleaseAsset(url: string): ReleaseAsset | undefined {
  const match = /^\/([^/]+\/[^/]+)\/releases\/download\/([^/]+)\/([^/]+)$/.exec(
    new URL(url).pathname,
  );
  if (match === null) return undefined;
  try {
    const [tag, name] = match.slice(2).map(decodeURIComponent);
    return { repository: match[1]!, tag: tag!, name: name! };
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
