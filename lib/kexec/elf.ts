import type { KexecArchitecture } from "./architecture.ts";

/** What the beginning of an ELF program tells. */
export interface ElfProgram {
  /** The machine that it runs on; `undefined` if it is another than kedge knows. */
  architecture: KexecArchitecture | undefined;
  /** Whether it runs without a dynamic linker. */
  isStatic: boolean;
}

const machines: Readonly<Record<number, KexecArchitecture>> = {
  62: "x86_64-linux",
  183: "aarch64-linux",
};
const interpreterSegment = 3;

/**
 * Reads the header of a 64-bit little-endian ELF program and its program headers (System V ABI, chapters 4 and 5).
 *
 * @param head the first bytes of the file, with all program headers in them
 * @returns `undefined` if it is no such program
 */
export function readElf(head: Uint8Array): ElfProgram | undefined {
  const magic = [0x7f, 0x45, 0x4c, 0x46, 2, 1];
  if (head.byteLength < 64 || magic.some((byte, at) => head[at] !== byte)) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const type = view.getUint16(16, true);
  if (type !== 2 && type !== 3) return undefined;
  const start = Number(view.getBigUint64(32, true));
  const entryBytes = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  if (count === 0 || entryBytes < 56 || start + count * entryBytes > head.byteLength) {
    return undefined;
  }
  let isStatic = true;
  for (let index = 0; index < count; index++) {
    if (view.getUint32(start + index * entryBytes, true) === interpreterSegment) isStatic = false;
  }
  return { architecture: machines[view.getUint16(18, true)], isStatic };
}
