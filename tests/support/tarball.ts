/** Tarballs as nobody's program would write them. */
import { concat } from "@std/bytes";

/** A member, with what its header says of it. */
export interface HostileMember {
  name: string;
  /** The flag of its type. @default {"0", a file} */
  flag?: string;
  mode?: number;
  linkName?: string;
  content?: string | Uint8Array;
  /** The size that its header says. @default {that of its contents} */
  size?: number;
}

const blockBytes = 512;
const encoder = new TextEncoder();

/** One header with its checksum. */
export function tarHeader(member: HostileMember): Uint8Array<ArrayBuffer> {
  const { name, flag = "0", mode = 0o644, linkName = "", content = "", size } = member;
  const block = new Uint8Array(blockBytes);
  const put = (text: string, at: number) => block.set(encoder.encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  put(name, 0);
  put(`${octal(mode, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`, 100);
  put(`${octal(size ?? bytesOf(content).length, 11)}\0${octal(1, 11)}\0`, 124);
  put(`        ${flag}`, 148);
  put(linkName, 157);
  put("ustar\x0000", 257);
  put(`${octal(block.reduce((sum, byte) => sum + byte, 0), 6)}\0 `, 148);
  return block;
}

/** A tarball of these members, with its end unless that is left out. */
export function tarball(
  members: readonly HostileMember[],
  end: "whole" | "open" = "whole",
): Uint8Array<ArrayBuffer> {
  const blocks: Uint8Array[] = [];
  for (const member of members) {
    const content = bytesOf(member.content ?? "");
    const padded = new Uint8Array(Math.ceil(content.length / blockBytes) * blockBytes);
    padded.set(content);
    blocks.push(tarHeader(member), padded);
  }
  if (end === "whole") blocks.push(new Uint8Array(2 * blockBytes));
  return concat(blocks);
}

/** The contents of an extended header. */
export function paxText(records: Readonly<Record<string, string>>): string {
  return Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const bytes = encoder.encode(rest).length;
    let length = bytes + String(bytes).length;
    if (String(length).length + bytes > length) length++;
    return `${length}${rest}`;
  }).join("");
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? encoder.encode(content) : content;
}
