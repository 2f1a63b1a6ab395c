import { VerificationError } from "../base/errors.ts";

/**
 * The bytes of an answer that must be small; what comes after the most of them is not read.
 *
 * @param what what is read, for messages
 * @throws {VerificationError} if it has more than `mostBytes`
 */
export async function readSmallBody(
  response: Response,
  what: string,
  mostBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece);
    size += piece.byteLength;
    if (size > mostBytes) {
      throw new VerificationError(`Cannot read ${what}: it has more than ${mostBytes} bytes`);
    }
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
