/** The places that mirrors make of a repository. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../../../lib/base/errors.ts";
import { parseMirrors } from "../../../../lib/oci/registry/parse_mirrors.ts";
import { RegistryMirrors } from "../../../../lib/oci/registry/registry_mirrors.ts";
import { conf, placesOf } from "../../../support/mirror_places.ts";

Deno.test("parseMirrors() puts the mirrors of a prefix before the registry itself", () => {
  const mirrors = new RegistryMirrors(parseMirrors([
    "docker.io=http://cache.lan:5000",
    "docker.io=mirror.acme.dev/hub",
    "docker.io/library/=official.acme.dev/",
  ]));
  assertEquals(placesOf(mirrors, "docker.io", "acme/vm"), [
    "http://cache.lan:5000/acme/vm",
    "mirror.acme.dev/hub/acme/vm",
    "docker.io/acme/vm",
  ]);
  assertEquals(placesOf(mirrors, "docker.io", "library/debian"), [
    "official.acme.dev/debian",
    "docker.io/library/debian",
  ]);
  assertEquals(
    placesOf(mirrors, "docker.io", "library2/debian")[0],
    "http://cache.lan:5000/library2/debian",
  );
  assertEquals(placesOf(mirrors, "ghcr.io", "acme/vm"), ["ghcr.io/acme/vm"]);
});

for (
  const text of [
    "docker.io",
    "=x.dev",
    "docker.io=",
    "a b=c.dev",
    "docker.io=ftp://x.dev",
    "docker.io=/x",
    "https://docker.io=c.dev",
    "*.docker.io/team=c.dev",
    "/=c.dev",
  ]
) {
  Deno.test(`parseMirrors() refuses ${JSON.stringify(text)}`, () => {
    const error = assertThrows(() => {
      new RegistryMirrors(parseMirrors([text])).places({ host: "docker.io", repository: "a/b" });
    }, UsageError);
    assertStringIncludes(error.message, "mirror");
  });
}

Deno.test("RegistryMirrors.places() goes by the longest prefix as it is written, also beside one for many hosts", async () => {
  const mirrors = await conf(`
[[registry]]
prefix = "*.acme.dev"
location = "near.lan"
[[registry]]
prefix = "*.eu.acme.dev"
location = "eu.lan"
[[registry]]
location = "bad.acme.dev"
blocked = true
`);
  assertEquals(placesOf(mirrors, "us.acme.dev", "a"), ["near.lan/a"]);
  assertEquals(placesOf(mirrors, "de.eu.acme.dev", "a"), ["eu.lan/a"]);
  for (const host of ["bad.acme.dev", "bad.acme.dev:5000"]) {
    assertThrows(() => mirrors.places({ host, repository: "a" }), UsageError, "blocks it");
  }
});

Deno.test("RegistryMirrors leaves what a file says of a registry itself when others are its mirrors", async () => {
  const mirrors = await conf(
    `
[[registry]]
location = "acme.lan"
insecure = true
[[registry.mirror]]
location = "old.lan"
[[registry]]
location = "acme.lan/private"
insecure = true
[[registry]]
location = "bad.example"
blocked = true
`,
    ["acme.lan=near.lan", "bad.example/team=near.lan/team"],
  );
  assertEquals(placesOf(mirrors, "acme.lan", "a"), ["near.lan/a", "http://acme.lan/a"]);
  assertEquals(placesOf(mirrors, "acme.lan", "private/a"), ["http://acme.lan/private/a"]);
  assertEquals(mirrors.writtenPlain({ host: "acme.lan", repository: "a" }), true);
  assertThrows(
    () => mirrors.places({ host: "bad.example", repository: "team/a" }),
    UsageError,
    "blocks it",
  );
  assertThrows(
    () => mirrors.writtenPlain({ host: "bad.example", repository: "team/a" }),
    UsageError,
    "blocks it",
  );
});

Deno.test("RegistryMirrors.places() leaves out a mirror that is blocked itself", async () => {
  const mirrors = await conf(`
[[registry]]
prefix = "acme.dev"
location = "bad.example/acme"
[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "bad.example/hub"
[[registry.mirror]]
location = "near.lan"
[[registry]]
location = "bad.example"
blocked = true
`);
  assertEquals(placesOf(mirrors, "docker.io", "a"), ["near.lan/a", "docker.io/a"]);
  assertThrows(
    () => mirrors.places({ host: "acme.dev", repository: "a" }),
    UsageError,
    '"bad.example/acme/a"',
  );
});

Deno.test("RegistryMirrors.places() does not mind the case of a host", async () => {
  const mirrors = new RegistryMirrors(parseMirrors(["Docker.IO=http://Cache.LAN:5000/Hub"]));
  assertThrows(
    () => mirrors.places({ host: "docker.io", repository: "a/b" }),
    UsageError,
    "is not a repository",
  );
  const asked = new RegistryMirrors(parseMirrors(["Docker.IO=http://Cache.LAN:5000/hub"]));
  assertEquals(placesOf(asked, "docker.io", "a/b"), [
    "http://cache.lan:5000/hub/a/b",
    "docker.io/a/b",
  ]);
  const written = await conf(`
[[registry]]
prefix = "*.Acme.DEV"
location = "Proxy.LAN/acme"
[[registry]]
location = "Bad.Example/Team"
blocked = true
[[registry]]
location = "Bad.Example/team"
blocked = true
`);
  assertEquals(placesOf(written, "eu.acme.dev", "vm"), ["proxy.lan/acme/vm"]);
  assertThrows(
    () => written.places({ host: "bad.example", repository: "team/x" }),
    UsageError,
    "blocks it",
  );
  assertEquals(placesOf(written, "bad.example", "other"), ["bad.example/other"]);
});
