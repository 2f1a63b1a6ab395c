import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import * as fc from "fast-check";
import { VerificationError } from "../../../lib/base/errors.ts";
import { TarReader } from "../../../lib/base/tar_reader.ts";
import { realTest } from "../../support/real.ts";
import { paxText, tarball, tarHeader } from "../../support/tarball.ts";

type Found = [type: string, name: string, content: string, linkName: string];

/** What a reader finds in an archive that comes in pieces of a size. */
function read(archive: Uint8Array, pieceBytes = archive.length): Found[] {
  const found: Found[] = [];
  const decoder = new TextDecoder();
  const reader = new TarReader("x.tar", ({ type, name, linkName }) => {
    const member: Found = [type, name, "", linkName];
    found.push(member);
    return (bytes) => member[2] += decoder.decode(bytes, { stream: true });
  });
  const buffer = new Uint8Array(pieceBytes);
  for (let at = 0; at < archive.length; at += pieceBytes) {
    // The memory of a piece is used again for the next one.
    const piece = archive.subarray(at, at + pieceBytes);
    buffer.set(piece);
    reader.push(buffer.subarray(0, piece.length));
  }
  reader.end();
  return found;
}

function refuses(archive: Uint8Array, state: string): void {
  const error = assertThrows(() => read(archive), VerificationError);
  assertStringIncludes(error.message, state);
}

const long = `${"d".repeat(90)}/${"e".repeat(90)}/${"f".repeat(140)}`;
const middling = `${"d".repeat(90)}/${"e".repeat(90)}`;

for (const [format, name] of [["v7", "short"], ["ustar", middling], ["gnu", long], ["pax", long]]) {
  realTest(`TarReader reads what GNU tar writes as ${format}, in any pieces`, ["tar"], async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.mkdir(join(folder, name!), { recursive: true });
      const file = `${name}/file`;
      const content = "x".repeat(1500);
      await Deno.writeTextFile(join(folder, file), content);
      await Deno.writeTextFile(join(folder, name!, "empty"), "");
      await Deno.symlink("file", join(folder, name!, "link"));
      if (format === "gnu" || format === "pax") {
        await Deno.symlink(long, join(folder, name!, "long-link"));
        await Deno.writeTextFile(join(folder, "größe-é"), "ü");
      }
      const { success, stdout } = await new Deno.Command("tar", {
        args: ["--create", `--format=${format}`, "--sort=name", "--directory", folder, "."],
      }).output();
      assertEquals(success, true);
      const whole = read(stdout);
      for (const bytes of [1, 7, 512, 513, 4096]) assertEquals(read(stdout, bytes), whole);
      const at = `./${name}`;
      const byName = new Map(whole.map((each) => [each[1], each]));
      assertEquals(byName.get(`${at}/`)?.[0], "directory");
      assertEquals(byName.get(`${at}/file`), ["file", `${at}/file`, content, ""]);
      assertEquals(byName.get(`${at}/empty`), ["file", `${at}/empty`, "", ""]);
      assertEquals(byName.get(`${at}/link`), ["symlink", `${at}/link`, "", "file"]);
      if (format === "gnu" || format === "pax") {
        assertEquals(byName.get(`${at}/long-link`)?.[3], long);
        assertEquals(byName.get("./größe-é")?.[2], "ü");
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("TarReader finds every member and byte of any archive", () => {
  const member = fc.record({
    name: fc.stringMatching(/^[a-z]{1,90}$/),
    content: fc.uint8Array({ maxLength: 1500 }).map((bytes) => bytes.map((byte) => 32 + byte % 90)),
  });
  fc.assert(fc.property(fc.array(member, { minLength: 1 }), fc.integer({ min: 1, max: 2000 }), (
    members,
    pieceBytes,
  ) => {
    const expected = members.map(({ name, content }) =>
      ["file", name, new TextDecoder().decode(content), ""] as Found
    );
    assertEquals(read(tarball(members), pieceBytes), expected);
  }));
});

Deno.test("TarReader gives no contents to those who want none", () => {
  const names: string[] = [];
  const reader = new TarReader("x.tar", ({ name }) => {
    names.push(name);
    return undefined;
  });
  reader.push(tarball([{ name: "a", content: "one" }, { name: "b" }]));
  reader.end();
  assertEquals(names, ["a", "b"]);
});

Deno.test("TarReader tells what is neither file, folder nor link", () => {
  const flags = ["\0", "1", "2", "3", "4", "5", "6", "7", "S"];
  assertEquals(
    read(tarball(flags.map((flag) => ({ name: "x", flag })))).map(([type]) => type),
    [
      ...["file", "link", "symlink", "character-device", "block-device"],
      ...["directory", "fifo", "file", "other"],
    ],
  );
});

Deno.test("TarReader takes names, links and sizes from extended headers, each once", () => {
  const pax = { path: "long/name", linkpath: "far", size: "3" };
  const found = read(tarball([
    { name: "global", flag: "g", content: paxText({ comment: "any" }) },
    { name: "x", flag: "x", content: paxText(pax) },
    { name: "cut", size: 0, content: "abc" },
    { name: "plain", content: "next" },
  ]));
  assertEquals(found, [["file", "long/name", "abc", "far"], ["file", "plain", "next", ""]]);
});

Deno.test("TarReader refuses an archive that is cut anywhere", () => {
  const archive = tarball([
    { name: "x", flag: "x", content: paxText({ path: "a" }) },
    { name: "a", content: "x".repeat(600) },
  ], "open");
  const memberEnd = archive.length;
  for (let length = 0; length < memberEnd; length += 128) {
    refuses(archive.slice(0, length), "it is cut short");
  }
  refuses(archive, "it is cut short");
  assertEquals(read(tarball([{ name: "a" }])).length, 1);
});

Deno.test("TarReader refuses a header of which any bit was changed", () => {
  const archive = tarball([{ name: "name", content: "x" }]);
  for (let at = 0; at < 512; at++) {
    const damaged = archive.slice();
    damaged[at]! ^= 1;
    refuses(damaged, "it is not a tarball, or it is damaged");
  }
});

Deno.test("TarReader refuses numbers, records and ends that are none", () => {
  const header = tarHeader({ name: "a" });
  const signed = (change: (block: Uint8Array) => void) => {
    const block = header.slice();
    change(block);
    block.set(new TextEncoder().encode("        "), 148);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
    return new Uint8Array([...block, ...new Uint8Array(1024)]);
  };
  refuses(signed((block) => block.set(new TextEncoder().encode("12x"), 124)), "a number");
  refuses(signed((block) => block.fill(0xff, 124, 136)), "a number");
  for (const content of ["x", "5 a=b\n", "9999 a=b\n", "0 a=b\n", "7 a=bcd", "6 abc\n"]) {
    refuses(tarball([{ name: "x", flag: "x", content }, { name: "a" }]), "an extended header");
  }
  refuses(
    tarball([{ name: "x", flag: "x", content: paxText({ size: "-1" }) }, { name: "a" }]),
    "a size",
  );
  refuses(tarball([{ name: "L", flag: "L", size: 2 ** 21 }]), "a header is too large");
  const gap = new Uint8Array([...new Uint8Array(512), ...header, ...new Uint8Array(1024)]);
  refuses(gap, "something follows a block of its end");
});

Deno.test("TarReader looks at nothing after the end", () => {
  const archive = tarball([{ name: "a" }]);
  assertEquals(read(new Uint8Array([...archive, ...new Uint8Array(700).fill(1)])).length, 1);
});

Deno.test("TarReader keeps no more of many extended headers than of one", () => {
  const each = "x".repeat(300_000);
  for (const flag of ["x", "g"]) {
    refuses(
      tarball([1, 2, 3, 4].map((n) => ({
        name: "x",
        flag,
        content: paxText({ [`key${n}`]: each }),
      }))),
      "a header is too large",
    );
  }
  const members = [1, 2, 3, 4].flatMap((n) => [
    { name: "x", flag: "x", content: paxText({ comment: each }) },
    { name: `member${n}` },
  ]);
  assertEquals(read(tarball(members)).length, 4);
});
