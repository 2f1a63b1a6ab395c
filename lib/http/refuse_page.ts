import { VerificationError } from "../base/errors.ts";
import { displayUrl } from "./display_url.ts";
import { firstWords } from "./first_words.ts";

/**
 * Refuses a web page in the place of a file: a captive portal, a login, an apology.
 *
 * @throws {VerificationError} if it is one, and none was asked for
 */
export async function refusePage(
  request: { url: string; action: string },
  response: Response,
): Promise<void> {
  const type = response.headers.get("content-type") ?? "";
  if (!/^\s*(text\/html|application\/xhtml)/i.test(type)) return;
  if (/\.x?html?$/i.test(new URL(request.url).pathname)) return;
  const words = await firstWords(response, 100);
  const text = words === "" ? "" : JSON.stringify(words);
  throw new VerificationError(
    `Cannot ${request.action} ${
      displayUrl(request.url)
    }: the server sent a web page instead of a file${text === "" ? "" : `, beginning ${text}`}`,
    {
      hint: "open the URL in a browser: it may want a login, or a portal may be in the way",
      data: { url: displayUrl(request.url), contentType: type },
    },
  );
}
