import type { KexecArchitecture } from "./architecture.ts";

/** What the header of a Linux kernel tells. */
export interface KernelImage {
  /** The machine that it runs on. */
  architecture: KexecArchitecture;
  /** What `uname -r` will say; an arm64 image does not tell. */
  version?: string;
}

const decoder = new TextDecoder();

/**
 * Reads the header of a Linux kernel: the x86 boot protocol (2.12 or later, with a 64-bit entry) or the arm64 `Image`.
 *
 * @param head the first bytes of the file, 66 KiB or more where there are so many
 * @returns `undefined` if it is no such kernel
 */
export function readKernelImage(head: Uint8Array): KernelImage | undefined {
  return readX86(head) ?? readArm64(head);
}

function readX86(head: Uint8Array): KernelImage | undefined {
  if (head.byteLength < 0x268) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const isBootable = view.getUint16(0x1fe, true) === 0xaa55 && text(head, 0x202, 4) === "HdrS";
  const hasLoadFlags = view.getUint16(0x206, true) >= 0x020c;
  const has64BitEntry = (view.getUint16(0x236, true) & 1) === 1;
  if (!isBootable || !hasLoadFlags || !has64BitEntry) return undefined;
  const pointer = view.getUint16(0x20e, true);
  const version = pointer === 0 ? undefined : versionAt(head, 0x200 + pointer);
  return { architecture: "x86_64-linux", ...(version === undefined ? {} : { version }) };
}

function readArm64(head: Uint8Array): KernelImage | undefined {
  return head.byteLength >= 64 && text(head, 56, 4) === "ARM\x64"
    ? { architecture: "aarch64-linux" }
    : undefined;
}

function versionAt(head: Uint8Array, at: number): string | undefined {
  const word = text(head, at, 256).split("\0", 1)[0]!.split(" ", 1)[0]!;
  return /^\d+\.\d+[\x21-\x7e]*$/.test(word) ? word : undefined;
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return decoder.decode(bytes.subarray(at, at + length));
}
