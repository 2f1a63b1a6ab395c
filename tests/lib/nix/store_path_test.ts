import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UsageError } from "../../../lib/base/errors.ts";
import { compareBytes, parseStorePath } from "../../../lib/nix/store_path.ts";

const hash = "37rxcdx1wksl9dl0p9mnd0dh10h4rzfl";

Deno.test("parseStorePath() takes a store path apart", () => {
  assertEquals(parseStorePath(`/nix/store/${hash}-hello-2.12`), {
    path: `/nix/store/${hash}-hello-2.12`,
    storeDir: "/nix/store",
    baseName: `${hash}-hello-2.12`,
    hashPart: hash,
    name: "hello-2.12",
  });
  assertEquals(parseStorePath(`/home/me/store/${hash}-a`).storeDir, "/home/me/store");
});

Deno.test("parseStorePath() refuses what Nix refuses", () => {
  const refused = [
    "",
    "/nix/store",
    `/nix/store/${hash}`,
    `/nix/store/${hash}-`,
    `/nix/store/${hash}-.hidden`,
    `/nix/store/${hash}-a/bin`,
    `/nix/store/${hash}-ä`,
    `/nix/store/${hash}-a b`,
    `/nix/store/${hash}-a\n`,
    `/nix/store/${hash.replace("3", "e")}-a`,
    `/nix/store/${hash}-${"a".repeat(212)}`,
    `/nix/../store/${hash}-a`,
    `nix/store/${hash}-a`,
    `//${hash}-a`,
  ];
  for (const path of refused) assertThrows(() => parseStorePath(path), UsageError, "Cannot read");
});

Deno.test("compareBytes() orders as the bytes of UTF-8 do", () => {
  const encoder = new TextEncoder();
  const byBytes = (a: string, b: string) => {
    const [x, y] = [encoder.encode(a), encoder.encode(b)];
    for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
    return x.length - y.length;
  };
  const text = fc.string({ unit: "binary" });
  fc.assert(fc.property(text, text, (a, b) => {
    assertEquals(Math.sign(compareBytes(a, b)), Math.sign(byBytes(a, b)));
  }));
  assertEquals(["\u{10000}", "\uffff", "a"].sort(compareBytes), ["a", "\uffff", "\u{10000}"]);
});
