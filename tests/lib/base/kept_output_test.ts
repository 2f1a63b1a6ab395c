import { assertEquals } from "@std/assert";
import { KeptOutput } from "../../../lib/base/kept_output.ts";
import { Redactor } from "../../../lib/base/redactor.ts";

function keep(pieces: readonly string[], mostBytes: number, secret?: string) {
  const redactor = new Redactor();
  if (secret !== undefined) redactor.add(secret);
  const kept = new KeptOutput(mostBytes, redactor);
  const encoder = new TextEncoder();
  for (const piece of pieces) kept.push(encoder.encode(piece));
  return kept.end();
}

Deno.test("KeptOutput keeps what has room, and tells of the rest", () => {
  assertEquals(keep([], 4), { text: "", isCut: false, bytes: 0 });
  assertEquals(keep(["ab", "cd"], 4), { text: "abcd", isCut: false, bytes: 4 });
  assertEquals(keep(["ab", "cde", "f"], 4), { text: "abcd", isCut: true, bytes: 6 });
});

Deno.test("KeptOutput cuts through no character", () => {
  for (const most of [2, 3, 4, 5]) {
    const { text } = keep(["a€", "b€"], most);
    assertEquals(text, "a€b".slice(0, most === 4 ? 2 : most === 5 ? 3 : 1));
  }
  assertEquals(keep(["x💡y"], 4).text, "x");
});

Deno.test("KeptOutput keeps no secret, and no beginning of one at the cut", () => {
  for (let most = 3; most < 9; most++) {
    const { text } = keep(["-- s3c", "r3tdef"], most, "s3cr3t");
    assertEquals(text, "-- ");
  }
  assertEquals(keep(["-- s3c", "r3tdef"], 10, "s3cr3t").text, "-- [redacted]d");
  assertEquals(keep(["-- s3c", "r3tdef"], 12, "s3cr3t").text, "-- [redacted]def");
  assertEquals(keep(["-- s3cr"], 7, "s3cr3t").text, "-- s3cr");
});
