import { VerificationError } from "../base/errors.ts";
import type { RegistryRequest } from "./registry_access.ts";
import type { RegistryHost } from "./registry_host.ts";

const mostPages = 10_000;
const longestLink = 8192;

/**
 * The answers to a request for a list: the first page, and those that each page's `Link` header leads to.
 *
 * @throws {VerificationError} if there is no end to them
 */
export async function* listPages(
  host: RegistryHost,
  repository: string,
  first: URL,
  request: RegistryRequest,
): AsyncIterableIterator<Response> {
  const seen = new Set<string>();
  let url: URL | undefined = first;
  while (url !== undefined && !seen.has(url.href)) {
    seen.add(url.href);
    if (seen.size > mostPages) {
      throw new VerificationError(
        `Cannot ${
          request.action ?? "read"
        } of "${host.host}/${repository}": it has more than ${mostPages} pages`,
      );
    }
    const response: Response = await host.request(repository, url, request);
    yield response;
    url = nextPage(response, url);
  }
}

/** The URL of a `Link` header's next page (RFC 8288), on the same host. */
function nextPage(response: Response, from: URL): URL | undefined {
  const link = /<([^<>]*)>\s*;[^,]*\brel="?next"?/i.exec(
    (response.headers.get("link") ?? "").slice(0, longestLink),
  );
  if (link === null || !URL.canParse(link[1]!, from)) return undefined;
  const next = new URL(link[1]!, from);
  return next.origin === from.origin ? next : undefined;
}
