import { VerificationError } from "../base/errors.ts";

const largestBytes = 4 * 1024 * 1024;

/**
 * The bytes of an answer that must be small.
 *
 * @param shown what is read, for messages
 * @throws {VerificationError} if it has more than 4 MiB
 */
export async function smallBody(response: Response, shown: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece);
    size += piece.length;
    if (size > largestBytes) {
      throw new VerificationError(`Cannot read "${shown}": it has more than ${largestBytes} bytes`);
    }
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
