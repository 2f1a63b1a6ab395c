import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../../lib/base/errors.ts";
import { parseStoreUri } from "../../../../lib/nix/stores/store_uri.ts";

Deno.test("parseStoreUri() tells the kinds of stores apart", () => {
  const kinds: Record<string, string> = {
    "file:///srv/cache/": "file",
    "https://cache.acme.dev/x/": "http",
    "s3://bucket?endpoint=http://127.0.0.1:9000&region=eu": "s3",
    "ssh-ng://host": "nix",
    daemon: "nix",
    "exec:attic push main?read=https://cache.acme.dev": "exec",
  };
  for (const [uri, kind] of Object.entries(kinds)) assertEquals(parseStoreUri(uri).kind, kind);
  assertEquals(parseStoreUri("file:///srv/cache/").target, "/srv/cache");
  assertEquals(parseStoreUri("https://c.dev/x/?read=http://r").target, "https://c.dev/x");
  assertEquals(parseStoreUri("exec:a b -c?read=https://x?y=1").read, "https://x?y=1");
});

Deno.test("parseStoreUri() takes keys and logins out of what is shown", () => {
  const uri = parseStoreUri("https://me:pass%20word@c.dev/x?secret-key=/k1&secret-keys=/k2,/k3");
  assertEquals(uri.secretKeys, ["/k1", "/k2", "/k3"]);
  assertEquals([uri.shown, uri.target], ["https://c.dev/x", "https://c.dev/x"]);
  assertEquals(uri.user?.authorization, `Basic ${btoa("me:pass word")}`);
  const token = parseStoreUri("https://:token@c.dev/x").user?.authorization;
  assertEquals(token, `Basic ${btoa(":token")}`);
});

Deno.test("parseStoreUri() refuses what means nothing", () => {
  const refused = [
    "",
    "nonsense",
    "./folder",
    "file://host/dir",
    "file:///",
    "https://c.dev?colour=red",
    "exec:attic push",
    "file:relative/cache",
    "file:",
    "file:///srv/cache#2",
    "https://c.dev/x#part",
    "https://me:100%@c.dev/x",
  ];
  for (const uri of refused) assertThrows(() => parseStoreUri(uri), UsageError, "Cannot ");
  for (const uri of ["file:cache", "file:./cache?secret-key=/k"]) {
    const shown = `Cannot use the store "${uri.split("?")[0]}": its folder is relative`;
    assertThrows(() => parseStoreUri(uri), UsageError, shown);
  }
  assertEquals(parseStoreUri(" file:///srv/cache").target, "/srv/cache");
  assertEquals(parseStoreUri("file:/srv/a%23b").target, "/srv/a#b");
});
