import { assertEquals } from "@std/assert";
import { detectBytes, detectContent } from "../../../lib/chunk/detect_content.ts";

function head(at: number, bytes: string): Uint8Array {
  const data = new Uint8Array(detectBytes);
  for (let i = 0; i < bytes.length; i++) data[at + i] = bytes.charCodeAt(i);
  return data;
}

for (
  const [what, chunker, at, bytes] of [
    ["a GPT partition table", "fixed", 512, "EFI PART"],
    ["a boot sector or an MBR partition table", "fixed", 510, "\x55\xaa"],
    ["an ext file system", "cdc", 0x438, "\x53\xef"],
    ["an XFS file system", "cdc", 0, "XFSB"],
    ["a btrfs file system", "cdc", 0x10040, "_BHRfS_M"],
    ["a LUKS volume", "fixed", 0, "LUKS\xba\xbe"],
    ["a qcow2 image", "fixed", 0, "QFI\xfb"],
    ["a tar archive", "cdc", 257, "ustar"],
    ["a NAR", "cdc", 0, "\r\0\0\0\0\0\0\0nix-archive-1"],
    ["a cpio archive", "cdc", 0, "070701"],
    ["a squashfs image", "cdc", 0, "hsqs"],
    ["data without a known magic", "cdc", 0, "hello"],
  ] as const
) {
  Deno.test(`detectContent() knows ${what}, and takes ${chunker} chunks for it`, () => {
    const known = what !== "data without a known magic";
    assertEquals(detectContent(head(at, bytes), 1001), { what, chunker, known });
  });
}

Deno.test("detectContent() takes whole MiB without a magic for a disk, and survives an empty file", () => {
  assertEquals(detectContent(new Uint8Array(100), 2 ** 30).chunker, "fixed");
  assertEquals(detectContent(new Uint8Array(0), 0).chunker, "cdc");
});

Deno.test("detectContent() takes an ISO image that boots from a stick too for what it is", () => {
  const iso = head(0x8001, "CD001");
  iso.set([0x55, 0xaa, ...new TextEncoder().encode("EFI PART")], 510);
  const expected = { what: "an ISO 9660 image", chunker: "cdc", known: true } as const;
  assertEquals(detectContent(iso, 2 ** 30), expected);
});
