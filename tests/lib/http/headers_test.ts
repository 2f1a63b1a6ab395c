import { assertEquals, assertThrows } from "@std/assert";
import { VerificationError } from "../../../lib/base/errors.ts";
import { parseContentRange } from "../../../lib/http/content_range.ts";
import { checkFileKind } from "../../../lib/http/file_kind.ts";
import { parseRetryAfterMs, retryDelayMs } from "../../../lib/http/retry_policy.ts";
import { conditionOf, sameVersion, validatorsOf } from "../../../lib/http/validators.ts";

for (
  const [text, expected] of [
    ["bytes 0-9/100", { start: 0, end: 10, total: 100 }],
    ["bytes 5-5/6", { start: 5, end: 6, total: 6 }],
    ["bytes 0-9/*", { start: 0, end: 10 }],
    ["bytes */100", { total: 100 }],
    ["bytes */*", undefined],
    ["bytes 9-0/100", undefined],
    ["bytes 0-100/100", undefined],
    ["bytes 0-9/99999999999999999999", undefined],
    ["items 0-9/100", undefined],
    ["bytes -1-9/100", undefined],
    ["", undefined],
    [null, undefined],
  ] as const
) {
  Deno.test(`parseContentRange() of ${JSON.stringify(text)}`, () => {
    assertEquals(parseContentRange(text), expected);
  });
}

const headers = (entries: Record<string, string>) => new Headers(entries);

Deno.test("validatorsOf() takes strong ETags alone", () => {
  assertEquals(validatorsOf(headers({ etag: '"a"' })), { etag: '"a"' });
  assertEquals(validatorsOf(headers({ etag: 'W/"a"' })), {});
  assertEquals(validatorsOf(headers({ etag: "a" })), {});
  assertEquals(validatorsOf(headers({ etag: '"a"b"' })), {});
});

Deno.test("validatorsOf() takes a date that is one", () => {
  const date = "Wed, 21 Oct 2015 07:28:00 GMT";
  assertEquals(validatorsOf(headers({ "last-modified": date })), { lastModified: date });
  assertEquals(validatorsOf(headers({ "last-modified": "yesterday" })), {});
});

Deno.test("conditionOf() asks by ETag where there is one, else by date", () => {
  assertEquals(conditionOf({ etag: '"a"', lastModified: "x" }), { "if-none-match": '"a"' });
  assertEquals(conditionOf({ lastModified: "x" }), { "if-modified-since": "x" });
  assertEquals(conditionOf({}), {});
});

Deno.test("sameVersion() compares ETags before dates", () => {
  assertEquals(sameVersion({ etag: '"a"' }, { etag: '"b"' }), false);
  assertEquals(sameVersion({ etag: '"a"', lastModified: "x" }, { lastModified: "y" }), false);
  assertEquals(sameVersion({ etag: '"a"' }, { lastModified: "y" }), true);
});

for (
  const [name, bytes] of [
    ["a.tar.gz", [0x1f, 0x8b, 8]],
    ["a.tgz", [0x1f, 0x8b, 8]],
    ["a.tar.xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
    ["a.tar.zst", [0x28, 0xb5, 0x2f, 0xfd]],
    ["a.bin", [1, 2, 3, 4, 5, 6]],
    ["a.tar.gz", [0x1f]],
  ] as const
) {
  Deno.test(`checkFileKind() takes ${name} that begins ${bytes}`, () => {
    checkFileKind(name, new Uint8Array(bytes), "the file");
  });
}

Deno.test("checkFileKind() refuses a web page, and says how it begins", () => {
  const page = new TextEncoder().encode("<!DOCTYPE html><title>Log in</title>");
  for (const name of ["a.tar.gz", "a.tar.xz", "a.tar.zst"]) {
    const error = assertThrows(
      () => checkFileKind(name, page, "the file"),
      VerificationError,
      "<!DOCTYPE html>",
    );
    assertEquals(error.hint?.includes("web page"), true);
  }
  assertThrows(() => checkFileKind("a.tar", new Uint8Array(512), "f"), VerificationError);
});

Deno.test("retryDelayMs() doubles up to the ceiling, with full jitter, never below Retry-After", () => {
  const policy = { retries: 9, baseMs: 100, ceilingMs: 1000 };
  assertEquals([0, 1, 2, 9].map((retry) => retryDelayMs(policy, retry, undefined, () => 1)), [
    100,
    200,
    400,
    1000,
  ]);
  assertEquals(retryDelayMs(policy, 3, undefined, () => 0), 0);
  assertEquals(retryDelayMs(policy, 0, 5000, () => 1), 5000);
});

Deno.test("parseRetryAfterMs() reads seconds and dates, and nothing else", () => {
  assertEquals(parseRetryAfterMs("3", 0), 3000);
  assertEquals(parseRetryAfterMs("Thu, 01 Jan 1970 00:00:10 GMT", 4000), 6000);
  assertEquals(parseRetryAfterMs("Thu, 01 Jan 1970 00:00:10 GMT", 20_000), 0);
  assertEquals(parseRetryAfterMs("soon", 0), undefined);
  assertEquals(parseRetryAfterMs(null, 0), undefined);
});
