import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../../../lib/base/errors.ts";
import { parseMirrors } from "../../../../lib/oci/registry/parse_mirrors.ts";
import { readRegistriesConf } from "../../../../lib/oci/registry/read_registries_conf.ts";
import { RegistryMirrors } from "../../../../lib/oci/registry/registry_mirrors.ts";

function placesOf(mirrors: RegistryMirrors, host: string, repository: string): string[] {
  return mirrors.places({ host, repository }).map((place) =>
    `${place.insecure ? "http://" : ""}${place.host}/${place.repository}` +
    (place.use === "all" ? "" : ` ${place.use}`)
  );
}

async function conf(text: string, mirrors: string[] = []): Promise<RegistryMirrors> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    return new RegistryMirrors(parseMirrors(mirrors), await readRegistriesConf(path));
  } finally {
    await Deno.remove(path);
  }
}

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

Deno.test("RegistryMirrors.places() does not mind the case of a host", async () => {
  const mirrors = new RegistryMirrors(parseMirrors(["Docker.IO=http://Cache.LAN:5000/Hub"]));
  assertThrows(
    () => mirrors.places({ host: "docker.io", repository: "a/b" }),
    UsageError,
    "is no repository",
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
