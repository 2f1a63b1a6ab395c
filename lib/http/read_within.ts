import { UnreachableError } from "../base/errors.ts";
import { displayUrl } from "./display_url.ts";

/**
 * The next piece of the body of an answer.
 *
 * @param url where the answer comes from, as far as it says so
 * @throws {UnreachableError} if none comes within so many milliseconds
 */
export async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  ms: number,
  url: string,
): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> {
  const late = Promise.withResolvers<never>();
  const whose = url === "" ? "" : ` of ${displayUrl(url)}`;
  const timer = setTimeout(
    () =>
      late.reject(
        new UnreachableError(
          `Cannot read the answer${whose}: the rest of it did not come within ${ms} ms`,
        ),
      ),
    ms,
  );
  try {
    return await Promise.race([reader.read(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
