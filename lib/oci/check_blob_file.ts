import { VerificationError } from "../base/errors.ts";
import type { Descriptor } from "./descriptor.ts";

/**
 * Refuses in the place of a blob what is not a file: a pipe may never begin, and a device never end.
 *
 * @throws {VerificationError} if it is none
 * @throws {Deno.errors.NotFound} if there is nothing
 */
export async function checkBlobFile(
  path: string,
  { digest }: Descriptor,
  name: string,
): Promise<void> {
  if ((await Deno.stat(path)).isFile) return;
  throw new VerificationError(`Cannot take ${digest} from "${name}": it is not a file`, {
    side: "source",
  });
}
