import { fromFileUrl } from "@std/path";
import { UsageError } from "../base/errors.ts";
import { credentialParameters } from "../http/credential_parameters.ts";
import { displayUrl } from "../http/display_url.ts";
import type { HttpCredentials } from "../http/http_credentials.ts";
import { urlLogin } from "../http/url_login.ts";

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
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url !== undefined && url.hash !== "") {
    throw bad("it has a part behind #", "write a # of its own as %23");
  }
  if (url !== undefined && uri.startsWith("sqlite:///") && !url.pathname.endsWith("/")) {
    if (url.search !== "") throw bad("a file takes no parameters", "write a ? of its own as %3F");
    return { kind: "sqlite", path: fromFileUrl(uri.replace(/^sqlite:/, "file:")), secrets: [] };
  }
  if (url === undefined || !/^https?:\/\//.test(uri)) {
    throw bad("it is of no known kind", "a catalog is sqlite:///FILE or http(s)://HOST/PATH");
  }
  const query = Object.fromEntries(url.searchParams);
  const unknown = Object.keys(query).find((name) => !credentialParameters.includes(name));
  if (unknown !== undefined) {
    throw bad(
      `its parameter "${unknown}" is not known`,
      `known are ${credentialParameters.join(", ")}`,
    );
  }
  const user = urlLogin(url);
  url.username = url.password = url.search = "";
  const { httpCredentials } = await import("../http/http_credentials.ts");
  const credentials = await httpCredentials({
    target: url.href,
    shown: displayUrl(url),
    query,
    ...(user === undefined ? {} : { user }),
  });
  return { kind: "http", url: url.href, credentials, secrets: credentials.secrets };
}
