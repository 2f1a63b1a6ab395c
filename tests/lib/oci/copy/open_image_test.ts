import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../../lib/base/errors.ts";
import { openHost } from "../../../../lib/oci/copy/open_image.ts";

function schemeOf(host: string, ...insecureRegistries: string[]): string {
  using opened = openHost(host, "source", { insecureRegistries });
  return opened.base.protocol;
}

Deno.test("openHost() speaks plain HTTP to the hosts that were named, whatever their case", () => {
  assertEquals(schemeOf("cache.lan:5000", "Cache.LAN:5000"), "http:");
  assertEquals(schemeOf("cache.lan:5000", "cache.lan", "cache.lan:50"), "https:");
});

Deno.test("openHost() refuses an insecure registry that is not a host, which would never be met", () => {
  for (const text of ["http://cache.lan:5000", "cache.lan:5000/", "cache.lan/team", ""]) {
    const error = assertThrows(() => schemeOf("a.example", text), UsageError);
    assertEquals(
      error.message,
      `Cannot use the insecure registry ${JSON.stringify(text)}: it is not a host`,
    );
    assertEquals(error.hint, "write HOST or HOST:PORT");
  }
});
