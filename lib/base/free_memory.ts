import { Buffer } from "node:buffer";

/**
 * Gives the memory of bytes back at once that nobody uses again. The collector counts it too late: a loop over chunks otherwise holds some
 * 150 MB of dead buffers per thread.
 */
export function freeMemory({ buffer, byteOffset }: ArrayBufferView<ArrayBuffer>): void {
  // What is small lies with others in a buffer of this size; any other buffer holds nothing else.
  if (byteOffset !== 0 || buffer.byteLength === Buffer.poolSize || buffer.detached) return;
  buffer.transfer(0);
}
