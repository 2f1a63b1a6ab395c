import { fromFileUrl } from "@std/path";
import { UsageError } from "../base/errors.ts";
import { basicAuthorization } from "../http/basic_authorization.ts";
import { credentialParameters } from "../http/credential_parameters.ts";
import { displayUrl } from "../http/display_url.ts";
import type { HttpCredentials } from "../http/http_credentials.ts";

/** A catalog that was named, with what lets kedge in. */
export type PreparedCatalog =
  | { kind: "sqlite"; path: string; secrets: readonly string[] }
  | { kind: "http"; url: string; credentials: HttpCredentials; secrets: readonly string[] };

/**
 * Reads what is needed to get into the catalog of a URI; asks no server.
 *
 * @throws {UsageError} if no kind of catalog goes by such a URI
 */
export async function prepareCatalog(uri: string): Promise<PreparedCatalog> {
  const bad = (state: string, hint: string) =>
    new UsageError(`Cannot open the catalog "${displayUrl(uri)}": ${state}`, { hint });
  if (uri.startsWith("sqlite:///") && URL.canParse(uri)) {
    const path = fromFileUrl(uri.replace(/^sqlite:/, "file:"));
    if (!path.endsWith("/")) return { kind: "sqlite", path, secrets: [] };
  }
  if (!/^https?:\/\//.test(uri) || !URL.canParse(uri)) {
    throw bad("it is of no known kind", "a catalog is sqlite:///FILE or http(s)://HOST/PATH");
  }
  const url = new URL(uri);
  const query = Object.fromEntries(url.searchParams);
  const unknown = Object.keys(query).find((name) => !credentialParameters.includes(name));
  if (unknown !== undefined) {
    throw bad(
      `its parameter "${unknown}" is not known`,
      `known are ${credentialParameters.join(", ")}`,
    );
  }
  const user = url.username === "" ? {} : {
    user: basicAuthorization(decodeURIComponent(url.username), decodeURIComponent(url.password)),
  };
  url.username =
    url.password =
    url.search =
    url.hash =
      "";
  const { httpCredentials } = await import("../http/http_credentials.ts");
  const credentials = await httpCredentials({
    target: url.href,
    shown: displayUrl(url),
    query,
    ...user,
  });
  return { kind: "http", url: url.href, credentials, secrets: credentials.secrets };
}
