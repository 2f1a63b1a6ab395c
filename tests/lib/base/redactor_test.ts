import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UsageError } from "../../../lib/base/errors.ts";
import { Redactor } from "../../../lib/base/redactor.ts";
import { Secret } from "../../../lib/base/secret.ts";

function redactorOf(...values: string[]): Redactor {
  const redactor = new Redactor();
  for (const value of values) redactor.add(value);
  return redactor;
}

Deno.test("Redactor hides a value wherever it stands", () => {
  const redactor = redactorOf("hunter22");
  assertEquals(
    redactor.redact("a hunter22 b=hunter22;"),
    "a [redacted] b=[redacted];",
  );
});

Deno.test("Redactor hides the base64, URL, hexadecimal and JSON forms", () => {
  const value = 'p&ss w"rd?>~';
  const redactor = redactorOf(value);
  for (const before of ["", "u:", "ab"]) {
    for (const text of [before + value, `${before}${value}tail`]) {
      const encoded = btoa(text);
      assert(redactor.redact(encoded).includes("[redacted]"), encoded);
    }
  }
  assertEquals(redactor.redact(encodeURIComponent(value)), "[redacted]");
  assertEquals(redactor.redact(encodeURIComponent(value).toLowerCase()).includes("%3f"), false);
  assertEquals(redactor.redact(JSON.stringify({ a: value })), '{"a":"[redacted]"}');
});

Deno.test("Redactor hides each line of a value of several lines", () => {
  const redactor = redactorOf("-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----");
  assertEquals(redactor.redact("  ijklmnop"), "  [redacted]");
  assertEquals(redactor.redact("abcdefgh\r"), "[redacted]\r");
});

Deno.test("Redactor hides strings and keys in data, however deep", () => {
  const redactor = redactorOf("hunter22");
  const data: Record<string, unknown> = { a: ["hunter22"], hunter22: { b: "x hunter22" }, n: 1 };
  assertEquals(redactor.redactData(data), {
    a: ["[redacted]"],
    "[redacted]": { b: "x [redacted]" },
    n: 1,
  });
});

Deno.test("Redactor hides a value that a stream cuts anywhere", () => {
  const secret = "abcabcab";
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant(secret), fc.stringMatching(/^[abc]{0,6}$/)), { maxLength: 8 }),
      fc.array(fc.nat(80), { maxLength: 10 }),
      (parts, cuts) => {
        const redactor = redactorOf(secret);
        const text = parts.join("");
        let shown = "";
        let held = "";
        let from = 0;
        for (const to of [...cuts.sort((a, b) => a - b), text.length]) {
          held += text.slice(from, to);
          from = Math.max(from, to);
          const cut = redactor.safeCut(held);
          shown += redactor.redact(held.slice(0, cut));
          held = held.slice(cut);
        }
        shown += redactor.redact(held);
        assert(!shown.includes(secret), shown);
        assertEquals(shown, redactor.redact(text));
      },
    ),
  );
});

Deno.test("Secret prints its label in every way of printing", () => {
  const secret = new Secret("hunter22", "env TOKEN", new Redactor());
  assertEquals(`${secret}`, "[secret env TOKEN]");
  assertEquals(JSON.stringify({ secret }), '{"secret":"[secret env TOKEN]"}');
  assertEquals(Deno.inspect({ secret }), "{ secret: [secret env TOKEN] }");
  assertEquals(Object.values(secret), ["env TOKEN"]);
  assertEquals(secret.reveal(), "hunter22");
});

Deno.test("Secret makes its value known to the redactor at once", () => {
  const redactor = new Redactor();
  new Secret("hunter22", "env TOKEN", redactor);
  assertEquals(redactor.redact("hunter22"), "[redacted]");
});

Deno.test("Secret refuses a value that is empty or too short to be hidden", () => {
  for (const value of ["", "abc", " ab "]) {
    assertThrows(() => new Secret(value, "env TOKEN", new Redactor()), UsageError);
  }
});

Deno.test("Secret refuses a value that is too long to be hidden, and one that is not is hidden line by line", () => {
  const redactor = new Redactor();
  const lines = Array.from({ length: 3000 }, (_, index) => `line of secret ${index}`);
  assertThrows(
    () => new Secret("x".repeat(64 * 1024 + 1), "file key", redactor),
    UsageError,
    "more than 65536 characters",
  );
  assertEquals(redactor.longest, 0);
  new Secret(lines.join("\n"), "file key", redactor);
  assertEquals(redactor.redact(`${lines[2999]}!`), "[redacted]!");
  const cut = redactor.safeCut(`${lines[2999]}: ${lines[0]!.slice(0, 5)}`);
  assertEquals(cut, `${lines[2999]}: `.length);
  const single = "ü€".repeat(32 * 1024);
  new Secret(single, "file key", redactor);
  assertEquals(redactor.redact(`${encodeURIComponent(single)}!`), "[redacted]!");
});

Deno.test("Redactor hides a long secret that begins with the same letter again and again, in all of its forms", () => {
  for (const length of [16_000, 17_000, 65_000]) {
    const secret = "-----BEGIN PRIVATE KEY-----\n" +
      Array.from({ length: length / 65 }, (_, line) => `${line}`.padEnd(64, "ab")).join("\n");
    for (const value of [secret, "-".repeat(length)]) {
      const redactor = new Redactor();
      redactor.add(value);
      const hex = new TextEncoder().encode(value).toHex();
      assert(redactor.redact(`<${hex}>`) === "<[redacted]>", `${length}`);
      assert(redactor.redact(`<${value}>${hex}`) === "<[redacted]>[redacted]", `${length}`);
      if (length !== 17_000 || value !== secret) continue;
      assertEquals(redactor.safeCut(`${hex}!${hex.slice(0, 9)}`), hex.length + 1);
      assertEquals(redactor.safeCut(hex + hex.slice(0, 9)), hex.length);
    }
  }
});
