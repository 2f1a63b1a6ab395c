import {
  KedgeError,
  type KedgeErrorOptions,
  NoRoomError,
  NotAllowedError,
  type Side,
} from "../base/errors.ts";
import { firstWords } from "./first_words.ts";

/** The request that was answered so. */
export interface RefusedRequest {
  /** What was to be done, for the message: `fetch the bundle https://a/b`. */
  what: string;
  /** The URL, without its secrets. */
  url: string;
  /** @default {"GET"} */
  method: string | undefined;
  /** Which side of a transfer the server is. */
  side: Side | undefined;
}

/** The error that a status means which is final, with the first words of the answer; its body is read or cancelled. */
export async function statusError(
  response: Response,
  { what, url, method, side }: RefusedRequest,
): Promise<KedgeError> {
  const { status } = response;
  const message = `Cannot ${what}: the server answered ${status}${await reasonIn(response, 160)}`;
  const options: KedgeErrorOptions = {
    data: { status, url },
    ...(side === undefined ? {} : { side }),
  };
  if (status === 401 || status === 403 || status === 407) {
    return new NotAllowedError(message, { ...options, hint: "check the credentials" });
  }
  if (status === 507) return new NoRoomError(message, options);
  if (status === 405 && method === "PUT") {
    return new KedgeError(message, { ...options, hint: "is writing allowed there?" });
  }
  return new KedgeError(message, options);
}

/** The first words of an answer that explain it, in brackets after a space, or nothing; its body is read or cancelled. */
export async function reasonIn(response: Response, length: number): Promise<string> {
  const words = wordsOf(await firstWords(response, 512)).slice(0, length);
  return words === "" ? "" : ` (${words})`;
}

/** What a web page says to people: its title, or else its text. */
function wordsOf(excerpt: string): string {
  if (!/^<(!doctype html|html|head|body)\b/i.test(excerpt)) return excerpt;
  const [, title] = /<title[^>]*>([^<]*)/i.exec(excerpt) ?? [];
  return (title ?? excerpt.replace(/<[^>]*>?/g, " ")).replace(/\s+/g, " ").trim();
}
