import type { RegistryHost, RegistryRequest } from "./registry_host.ts";

/** The answers to a request for a list: the first page, and those that each page's `Link` header leads to. */
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
    const response: Response = await host.request(repository, url, request);
    yield response;
    url = nextPage(response, url);
  }
}

/** The URL of a `Link` header's next page (RFC 8288), on the same host. */
function nextPage(response: Response, from: URL): URL | undefined {
  const link = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(response.headers.get("link") ?? "");
  if (link === null || !URL.canParse(link[1]!, from)) return undefined;
  const next = new URL(link[1]!, from);
  return next.origin === from.origin ? next : undefined;
}
