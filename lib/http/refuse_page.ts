import { VerificationError } from "../base/errors.ts";
import { displayUrl } from "./display_url.ts";
import { firstWords } from "./first_words.ts";

/**
 * Refuses a web page that came in the place of a file, in its own words.
 *
 * @throws {VerificationError} always
 */
export async function refusePage(
  request: { url: string; action: string },
  response: Response,
): Promise<never> {
  const contentType = response.headers.get("content-type") ?? "";
  const words = await firstWords(response, 100);
  const text = words === "" ? "" : JSON.stringify(words);
  throw new VerificationError(
    `Cannot ${request.action} ${
      displayUrl(request.url)
    }: the server sent a web page instead of a file${text === "" ? "" : `, beginning ${text}`}`,
    {
      hint: "open the URL in a browser: it may want a login, or a portal may be in the way",
      data: { url: displayUrl(request.url), contentType },
    },
  );
}
