import { KedgeError } from "../../base/errors.ts";
import { isLoopback } from "./is_loopback.ts";
import type { RegistryHost } from "./registry_host.ts";

/**
 * The URL that a `Location` header leads to.
 *
 * @throws {KedgeError} if there is none, or it leads from https to http, or from outside into this machine
 */
export function uploadLocation(host: RegistryHost, response: Response, from: URL): URL {
  const text = response.headers.get("location");
  const url = text !== null && URL.canParse(text, from) ? new URL(text, from) : undefined;
  const web = url?.protocol === "https:" || url?.protocol === "http:";
  const safe = url !== undefined && web &&
    (url.protocol === "https:" || from.protocol === "http:") &&
    (!isLoopback(url.host) || isLoopback(from.host));
  if (safe) return url;
  throw new KedgeError(
    `Cannot go on with an upload to "${host.host}": the Location ${
      text === null ? "is missing" : `"${text.slice(0, 120)}" may not be followed`
    }`,
    { ...(host.side === undefined ? {} : { side: host.side }) },
  );
}
