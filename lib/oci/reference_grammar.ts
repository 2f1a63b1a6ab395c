/**
 * The grammar of host, repository and tag is that of distribution/reference; names in a layout follow
 * `org.opencontainers.image.ref.name` of the OCI image specification.
 *
 * @module
 */

const label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9])";
const hostPattern = new RegExp(
  `^(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?$`,
);
const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const namePattern = /^[A-Za-z0-9_](?:[-.:@/+A-Za-z0-9_]*[A-Za-z0-9_])?$/;
/** The most characters of a repository's name. */
export const longestRepository = 255;

/** Whether this is the whole name of a repository. */
export function isRepository(text: string): boolean {
  return text.length <= longestRepository && repositoryPattern.test(text);
}

/** Whether this is a tag. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** Whether this may name an image in a layout. */
export function isLayoutName(text: string): boolean {
  return text.length <= 255 && namePattern.test(text);
}

/** Whether this may be the beginning of names of repositories: a host, or more of them; or `*.` and how hosts end. */
export function isNamePrefix(text: string): boolean {
  return /^(?!https?:\/\/)(?:\*\.[^*:/]+|[^*]*)$/.test(text);
}

/** A name with its host in small letters, as hosts do not mind case; what follows the host stays. */
export function withLowerHost(name: string): string {
  return name.replace(/^[^/]*/, (host) => host.toLowerCase());
}

/** Whether this is a host, with or without a port, that nothing would read as another. */
export function isHost(text: string): boolean {
  if (!hostPattern.test(text)) return false;
  // What a URL would make another host of (127.1, 0x7f.1) or none (327.0.0.1) is refused.
  const url = `http://${text}/`;
  if (!URL.canParse(url)) return false;
  if (new URL(url).hostname !== text.replace(/:\d+$/, "").toLowerCase()) return false;
  return text.includes(".") || text.includes(":") || text === "localhost";
}
