import { UsageError } from "../base/errors.ts";
import { basicAuthorization } from "./basic_authorization.ts";
import { displayUrl } from "./display_url.ts";

/**
 * The Authorization header of the login that stands in a URL; `undefined` where there is none.
 *
 * @throws {UsageError} if it is not encoded as a URL has it
 */
export function urlLogin(url: URL): ReturnType<typeof basicAuthorization> | undefined {
  if (url.username === "" && url.password === "") return undefined;
  try {
    return basicAuthorization(decodeURIComponent(url.username), decodeURIComponent(url.password));
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new UsageError(`Cannot use the login of "${displayUrl(url)}": it is wrongly encoded`, {
      hint: "write a % of its own as %25",
    });
  }
}
