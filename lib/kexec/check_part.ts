import { VerificationError } from "../base/errors.ts";
import type { KexecArchitecture } from "./architecture.ts";
import { readElf } from "./elf.ts";
import { readKernelImage } from "./kernel_image.ts";

/** A file of a bundle, as far as it must be known to check it. */
export interface PartToCheck {
  /** Its path in the tarball. */
  path: string;
  /** Whether it may be run. */
  isExecutable: boolean;
  /** Its first bytes. */
  head: Uint8Array;
}

/** What a file tells of itself. */
export interface PartFacts {
  /** The machine that it is for. */
  architecture?: KexecArchitecture;
  /** The version of a kernel. */
  version?: string;
}

const ramdiskMagics: readonly (readonly number[])[] = [
  [0x30, 0x37, 0x30, 0x37, 0x30], // cpio, newc
  [0x1f, 0x8b], // gzip
  [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], // xz
  [0x28, 0xb5, 0x2f, 0xfd], // zstd
  [0x02, 0x21, 0x4c, 0x18], // lz4, as the kernel reads it
  [0x5d, 0, 0], // lzma
  [0x42, 0x5a, 0x68], // bzip2
  [0x89, 0x4c, 0x5a, 0x4f], // lzo
];

/**
 * Holds a file of a bundle against what it must be by its name.
 *
 * @param bundle what errors call the bundle
 * @throws {VerificationError} naming what is wrong with it
 */
export function checkPart(part: PartToCheck, bundle: string): PartFacts {
  const refuse = (state: string): never => {
    throw new VerificationError(`Cannot use "${bundle}": ${part.path} ${state}`, {
      data: { part: part.path },
    });
  };
  if (runs.has(part.path) && !part.isExecutable) {
    return refuse("is not executable");
  }
  switch (part.path) {
    case "kexec/bzImage": {
      const image = readKernelImage(part.head);
      return image ?? refuse("is not a Linux kernel for x86_64 or arm64");
    }
    case "kexec/initrd":
      return isRamdisk(part.head) ? {} : refuse("is not an initial ramdisk");
    case "kexec/run":
      return isScript(part.head) || readElf(part.head) !== undefined
        ? {}
        : refuse("is neither a script nor a program");
    case "kexec/kexec": {
      const program = readElf(part.head);
      if (program === undefined) return refuse("is not an ELF program");
      const { architecture, isStatic } = program;
      if (architecture === undefined) return refuse("is for another machine than x86_64 or arm64");
      return isStatic
        ? { architecture }
        : refuse("is not a static program: it needs a dynamic linker");
    }
    default:
      return {};
  }
}

const runs = new Set(["kexec/run", "kexec/kexec", "kexec/ip"]);

function isRamdisk(head: Uint8Array): boolean {
  return ramdiskMagics.some((magic) => magic.every((byte, at) => head[at] === byte));
}

function isScript(head: Uint8Array): boolean {
  return head[0] === 0x23 && head[1] === 0x21;
}
