/** What a registries.conf may say, and what is refused in it. */
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../../../lib/base/errors.ts";
import { readRegistriesConf } from "../../../../lib/oci/registry/read_registries_conf.ts";
import { conf, placesOf } from "../../../support/mirror_places.ts";

Deno.test("readRegistriesConf() reads mirrors, other locations, wildcards and what is blocked", async () => {
  const mirrors = await conf(`
unqualified-search-registries = ["docker.io"]

[[registry]]
prefix = "docker.io"
location = "registry-1.docker.io"
[[registry.mirror]]
location = "cache.lan:5000/hub"
insecure = true
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "tags.lan"
pull-from-mirror = "tag-only"

[[registry]]
location = "bad.example"
blocked = true

[[registry]]
prefix = "*.acme.dev"
[[registry.mirror]]
location = "near.lan/acme"
`);
  assertEquals(placesOf(mirrors, "docker.io", "a/b"), [
    "http://cache.lan:5000/hub/a/b digest-only",
    "tags.lan/a/b tag-only",
    "registry-1.docker.io/a/b",
  ]);
  assertEquals(placesOf(mirrors, "eu.acme.dev:8443", "a"), [
    "near.lan/acme/a",
    "eu.acme.dev:8443/a",
  ]);
  assertEquals(placesOf(mirrors, "acme.dev", "a"), ["acme.dev/a"]);
  assertThrows(
    () => mirrors.places({ host: "bad.example", repository: "a" }),
    UsageError,
    "blocks it",
  );
});

Deno.test("readRegistriesConf() takes a slash at the end of a place for nothing, and a location for a prefix where there is none", async () => {
  const mirrors = await conf(`
[[registry]]
location = "bad.example/team/"
blocked = true
[[registry]]
location = "*.bad.example"
blocked = true
[[registry]]
prefix = "docker.io/"
location = "hub.lan/"
[[registry.mirror]]
location = "cache.lan/hub//"
`);
  assertEquals(placesOf(mirrors, "docker.io", "a"), ["cache.lan/hub/a", "hub.lan/a"]);
  assertThrows(
    () => mirrors.places({ host: "bad.example", repository: "team/a" }),
    UsageError,
    "blocks it",
  );
  assertThrows(
    () => mirrors.places({ host: "eu.bad.example", repository: "a" }),
    UsageError,
    "blocks it",
  );
});

const badFiles: [string, string][] = [
  ["[[registry", "Cannot read the registries"],
  ["[registries.search]\nregistries = []", "it is of version 1"],
  ["[[registry]]\ninsecure = 3", '"registry.0.insecure" is malformed'],
  ["[[registry]]\nblocked = true", "neither a prefix nor a location"],
  ['[[registry]]\nlocation = "a.dev"\n[[registry.mirror]]\nlocation = ""', "is malformed"],
  [
    '[[registry]]\nlocation = "https://a.dev"\nblocked = true',
    '"registry.0.location" is malformed',
  ],
  ['[[registry]]\nprefix = "http://a.dev"', '"registry.0.prefix" is malformed'],
  ['[[registry]]\nprefix = "*.a.dev/team"\nblocked = true', '"registry.0.prefix" is malformed'],
  ['[[registry]]\nprefix = "*.a.dev:5000"\nblocked = true', '"registry.0.prefix" is malformed'],
  ['[[registry]]\nprefix = "a.dev/x:-1"\nblocked = true', 'is malformed: "a.dev/x:-1"'],
  ['[[registry]]\nprefix = "a.dev/x@v1"\nblocked = true', 'is malformed: "a.dev/x@v1"'],
  ['[[registry]]\nprefix = "a.dev/x:v1/y"\nblocked = true', 'is malformed: "a.dev/x:v1/y"'],
  [
    '[[registry]]\nlocation = "a.dev"\n[[registry.mirror]]\ninsecure = true',
    '"registry.0.mirror.0.location" is missing',
  ],
  [
    '[[registry]]\nlocation = "a.dev"\nblocked = true\n[[registry]]\nprefix = "b.dev"\nlocation = "A.dev/"',
    '"a.dev" is there twice, with another "blocked" each time',
  ],
  [
    '[[registry]]\nlocation = "a.dev"\n[[registry]]\nlocation = "a.dev"\ninsecure = true',
    '"a.dev" is there twice, with another "insecure" each time',
  ],
  [
    '[[registry]]\nprefix = "*.a.dev"\n[[registry]]\nprefix = "*.a.dev"\nblocked = true',
    '"*.a.dev" is there twice, with another "blocked" each time',
  ],
  [
    '[[registry]]\nlocation = "a.dev"\nmirror-by-digest-only = true\n' +
    '[[registry.mirror]]\nlocation = "b.dev"\npull-from-mirror = "all"',
    '"a.dev" sets "mirror-by-digest-only", and its mirror "b.dev" "pull-from-mirror"',
  ],
  [
    '[[registry]]\nlocation = "a.dev"\npull-from-mirror = "tag-only"',
    '"pull-from-mirror" of "a.dev" belongs to its mirrors',
  ],
  ['[[registry]]\nlocation = "a.dev"\nblocked = true\nBlocked = false', '"blocked" is set twice'],
];

for (const [text, message] of badFiles) {
  Deno.test(`readRegistriesConf() refuses ${JSON.stringify(text.slice(0, 40))}`, async () => {
    assertStringIncludes((await assertRejects(() => conf(text), UsageError)).message, message);
  });
}

Deno.test("readRegistriesConf() does not mind the case of the names of settings, nor one that is left empty", async () => {
  const mirrors = await conf(`
[aliases]
vm = "a.dev/vm"
VM = "a.dev/vm"
[[Registry]]
Location = "bad.example"
Blocked = true
[[Registry]]
location = "a.dev"
Mirror-By-Digest-Only = true
[[Registry.Mirror]]
location = "near.lan"
pull-from-mirror = ""
`);
  assertThrows(
    () => mirrors.places({ host: "bad.example", repository: "a" }),
    UsageError,
    "blocks it",
  );
  assertEquals(placesOf(mirrors, "a.dev", "b"), ["near.lan/b digest-only", "a.dev/b"]);
});

Deno.test("readRegistriesConf() names a file that is not there", async () => {
  await assertRejects(() => readRegistriesConf("/nowhere/x.conf"), UsageError, "/nowhere/x.conf");
});
