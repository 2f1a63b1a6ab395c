import { assertEquals } from "@std/assert";
import { freshnessLifetime, parseCacheControl } from "../../../lib/http/freshness_lifetime.ts";

const none = { noCache: false, noStore: false, mustRevalidate: false, immutable: false };

for (
  const [text, expected] of [
    [null, none],
    ["", none],
    ["max-age=60", { ...none, maxAge: 60 }],
    ["MAX-AGE=60", { ...none, maxAge: 60 }],
    ['max-age="60"', { ...none, maxAge: 60 }],
    ["max-age=60, max-age=5", { ...none, maxAge: 60 }],
    ["max-age=soon", { ...none, maxAge: 0 }],
    ["max-age=-5", { ...none, maxAge: 0 }],
    ["max-age=99999999999999999999", { ...none, maxAge: 2 ** 31 }],
    ["no-cache, no-store", { ...none, noCache: true, noStore: true }],
    ['no-cache="set-cookie, x", max-age=1', { ...none, noCache: true, maxAge: 1 }],
    ["public, must-revalidate , immutable", { ...none, mustRevalidate: true, immutable: true }],
    ['private="max-age=5"', none],
    [",,=,;", none],
  ] as const
) {
  Deno.test(`parseCacheControl() of ${JSON.stringify(text)}`, () => {
    assertEquals(parseCacheControl(text), expected);
  });
}

const at = Date.parse("Wed, 21 Oct 2015 07:28:00 GMT");

for (
  const [what, headers, freshMs, mayBeStale = true] of [
    ["nothing", {}, 0],
    ["max-age", { "cache-control": "max-age=60" }, 60_000],
    ["max-age before Expires", { "cache-control": "max-age=60", expires: "0" }, 60_000],
    ["max-age less Age", { "cache-control": "max-age=60", age: "50" }, 10_000],
    ["more Age than max-age", { "cache-control": "max-age=60", age: "99999999999999" }, 0],
    ["several Ages", { "cache-control": "max-age=60", age: "50, 10" }, 10_000],
    ["an Age that is none", { "cache-control": "max-age=60", age: "-50" }, 60_000],
    [
      "an old Date",
      { "cache-control": "max-age=60", date: "Wed, 21 Oct 2015 07:27:20 GMT" },
      20_000,
    ],
    ["an old Date and a greater Age", {
      "cache-control": "max-age=60",
      date: "Wed, 21 Oct 2015 07:27:20 GMT",
      age: "55",
    }, 5000],
    ["a Date to come", {
      "cache-control": "max-age=60",
      date: "Wed, 21 Oct 2015 09:00:00 GMT",
    }, 60_000],
    ["a Date that is none", { "cache-control": "max-age=60", date: "today" }, 60_000],
    ["an old Date and Last-Modified", {
      date: "Wed, 21 Oct 2015 07:20:00 GMT",
      "last-modified": "Wed, 21 Oct 2005 07:28:00 GMT",
    }, 120_000],
    ["Vary of all", { "cache-control": "max-age=60", vary: "*" }, 0],
    ["Expires", { expires: "Wed, 21 Oct 2015 08:28:00 GMT" }, 3_600_000],
    ["Expires by the server's clock", {
      date: "Wed, 21 Oct 2015 08:00:00 GMT",
      expires: "Wed, 21 Oct 2015 08:28:00 GMT",
    }, 1_680_000],
    ["a broken Expires", { expires: "0" }, 0],
    ["a date alone", { "last-modified": "Wed, 21 Oct 2005 07:28:00 GMT" }, 600_000],
    ["no-cache", { "cache-control": "no-cache, max-age=60" }, 0, false],
    ["no-store", { "cache-control": "no-store" }, 0, false],
    ["immutable", { "cache-control": "immutable, max-age=1" }, Number.MAX_SAFE_INTEGER],
    ["must-revalidate", { "cache-control": "must-revalidate, max-age=1" }, 1000, false],
    ["Vary", { "cache-control": "max-age=60", vary: "Cookie" }, 0],
    ["Vary by encoding", { "cache-control": "max-age=60", vary: "Accept-Encoding" }, 60_000],
  ] as [string, Record<string, string>, number, boolean?][]
) {
  Deno.test(`freshnessLifetime() of an answer with ${what}`, () => {
    assertEquals(freshnessLifetime(new Headers(headers), at), { freshMs, mayBeStale });
  });
}
