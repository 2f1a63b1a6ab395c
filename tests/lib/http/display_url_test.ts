import { assertEquals } from "@std/assert";
import { displayUrl, displayUrls } from "../../../lib/http/display_url.ts";

Deno.test("displayUrl() leaves out user, password, query and fragment", () => {
  assertEquals(displayUrl("https://me:secret@host/a?sig=1#x"), "https://host/a?…");
  assertEquals(displayUrl("https://host/a"), "https://host/a");
  assertEquals(displayUrl("not a url?sig=1"), "not a url");
});

Deno.test("displayUrls() does so with every URL of a text and leaves the rest as it is", () => {
  const cases: [string, string][] = [
    ["publish --to http://me:pw@h:1/x --name a", "publish --to http://h:1/x --name a"],
    ["a=s3://bucket/p?secret-key=k,file:///dir", "a=s3://bucket/p?…,file:///dir"],
    ["docker://host/repo:tag oci:dir:tag", "docker://host/repo:tag oci:dir:tag"],
    ["user@host:path --x=1?y", "user@host:path --x=1?y"],
    ["'https://t0ken@h/#frag'", "'https://h/'"],
  ];
  for (const [text, shown] of cases) assertEquals(displayUrls(text), shown);
});

Deno.test("displayUrls() reads a hostile text in a time that its length does not square", () => {
  const text = "a.".repeat(300_000);
  assertEquals(displayUrls(text), text);
});
