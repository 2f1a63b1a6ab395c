import { VerificationError } from "../../base/errors.ts";
import type { RegistryRequest } from "./registry_access.ts";
import type { RegistryHost } from "./registry_host.ts";

const mostPages = 10_000;
const longestLink = 8192;

/**
 * The answers to a request for a list: the first page, and those that each page's `Link` header leads to.
 *
 * @throws {VerificationError} if there is no end to them, or they go on at another host
 */
export async function* listPages(
  host: RegistryHost,
  repository: string,
  first: URL,
  request: RegistryRequest,
): AsyncIterableIterator<Response> {
  const seen = new Set<string>();
  const refused = (state: string) =>
    new VerificationError(
      `Cannot ${request.action ?? "read"} of "${host.host}/${repository}": ${state}`,
    );
  let url: URL | undefined = first;
  while (url !== undefined && !seen.has(url.href)) {
    seen.add(url.href);
    if (seen.size > mostPages) {
      throw refused(`it has more than ${mostPages} pages`);
    }
    const response: Response = await host.request(repository, url, request);
    yield response;
    const link = nextLink(response.headers.get("link") ?? "");
    // What ends a list early would look like its end.
    if (link === "malformed" || link !== undefined && !URL.canParse(link.target, url)) {
      throw refused("where its next page is cannot be understood");
    }
    const next: URL | undefined = link && new URL(link.target, url);
    if (next !== undefined && next.host !== url.host) {
      throw refused(`the next page is said to be at "${next.origin.slice(0, 100)}"`);
    }
    // A registry behind a proxy may not know that it is spoken to by https.
    url = next && Object.assign(new URL(url), { pathname: next.pathname, search: next.search });
  }
}

/** A link of a `Link` header (RFC 8288): its target, and its parameters with what parts them. */
const linkPattern =
  /\s*<([^<>]*)>((?:\s*;\s*[\w*-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,;"]*))?)*)\s*(?:,|$)/y;
const parameterPattern = /;\s*([\w*-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g;

/** The link to the next page; one that says no relation is that too, since there is no other in a list. */
function nextLink(header: string): { target: string } | "malformed" | undefined {
  const text = header.slice(0, longestLink).trim();
  linkPattern.lastIndex = 0;
  while (linkPattern.lastIndex < text.length) {
    const link = linkPattern.exec(text);
    if (link === null) return /next/i.test(text) ? "malformed" : undefined;
    const rel = link[2]!.matchAll(parameterPattern).find(([, name]) => /^rel$/i.test(name!));
    const relations = (rel?.[2] ?? rel?.[3] ?? "next").toLowerCase().split(/\s+/);
    if (relations.includes("next")) return { target: link[1]! };
  }
  return undefined;
}
