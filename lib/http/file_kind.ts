import { VerificationError } from "../base/errors.ts";

const kinds: readonly {
  suffix: RegExp;
  name: string;
  magic: readonly number[];
  at: number;
}[] = [
  { suffix: /\.(tar\.gz|tgz|gz)$/i, name: "gzip", magic: [0x1f, 0x8b], at: 0 },
  { suffix: /\.(tar\.xz|txz|xz)$/i, name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], at: 0 },
  { suffix: /\.(tar\.zst|tzst|zst)$/i, name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], at: 0 },
  { suffix: /\.tar$/i, name: "tar", magic: [0x75, 0x73, 0x74, 0x61, 0x72], at: 257 },
];

/**
 * Holds the first bytes of a file against what its name promises. Names with a suffix that is not known pass, as do fewer
 * bytes than it takes to tell; none at all do not.
 *
 * @throws {VerificationError} if it is something else, a web page for example
 */
export function checkFileKind(name: string, firstBytes: Uint8Array, subject: string): void {
  const kind = kinds.find(({ suffix }) => suffix.test(name));
  if (kind !== undefined && firstBytes.byteLength === 0) {
    throw new VerificationError(`Cannot use "${subject}": it is empty, no ${kind.name} file`, {
      hint: "check the URL",
      data: { expected: kind.name },
    });
  }
  if (kind === undefined || firstBytes.byteLength < kind.at + kind.magic.length) return;
  if (kind.magic.every((byte, index) => firstBytes[kind.at + index] === byte)) return;
  throw new VerificationError(
    `Cannot use "${subject}": it is not in ${kind.name} format, it begins ${excerpt(firstBytes)}`,
    {
      hint: /^\s*<(!doctype|html|\?xml)/i.test(text(firstBytes))
        ? "this is a web page: open the URL in a browser to see what it wants"
        : "check the URL",
      data: { expected: kind.name },
    },
  );
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, 200));
}

function excerpt(bytes: Uint8Array): string {
  const words = text(bytes).slice(0, 60);
  if (/^[\p{L}\p{N}\p{P}\p{S}\s]+$/u.test(words) && !words.includes("\ufffd")) {
    return JSON.stringify(words.replace(/\s+/g, " "));
  }
  return [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
