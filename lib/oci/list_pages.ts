import { VerificationError } from "../base/errors.ts";
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
    const next = nextPage(response, url);
    // What ends a list early would look like its end.
    if (next !== undefined && next.host !== url.host) {
      throw refused(`the next page is said to be at "${next.origin.slice(0, 100)}"`);
    }
    // A registry behind a proxy may not know that it is spoken to by https.
    url = next && Object.assign(new URL(url), { pathname: next.pathname, search: next.search });
  }
}

/** The URL of a `Link` header's next page (RFC 8288). */
function nextPage(response: Response, from: URL): URL | undefined {
  const link = /<([^<>]*)>\s*;[^,]*\brel="?next"?/i.exec(
    (response.headers.get("link") ?? "").slice(0, longestLink),
  );
  return link !== null && URL.canParse(link[1]!, from) ? new URL(link[1]!, from) : undefined;
}
