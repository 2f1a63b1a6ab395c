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
  const [, repository, tag, name] = match.map((part) => decodeURIComponent(part));
  return { repository: repository!, tag: tag!, name: name! };
}
