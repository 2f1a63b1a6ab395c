/** Rules of a registries.conf for one image: containers-registries.conf(5) lets a prefix end with a tag or a digest. */
import { assertEquals, assertThrows } from "@std/assert";
import { parseDigest } from "../../../lib/base/digest_text.ts";
import { UsageError } from "../../../lib/base/errors.ts";
import { parseMirrors } from "../../../lib/oci/registry/parse_mirrors.ts";
import { readRegistriesConf } from "../../../lib/oci/registry/read_registries_conf.ts";
import {
  RegistryMirrors,
  type RepositoryName,
} from "../../../lib/oci/registry/registry_mirrors.ts";

const digest = parseDigest("a".repeat(64));
const other = parseDigest("b".repeat(64));

async function conf(text: string): Promise<RegistryMirrors> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    return new RegistryMirrors([], await readRegistriesConf(path));
  } finally {
    await Deno.remove(path);
  }
}

function placesOf(mirrors: RegistryMirrors, name: Omit<RepositoryName, "host">): string[] {
  return mirrors.places({ host: "a.dev", ...name }).map((place) =>
    `${place.host}/${place.repository}` + (place.tag ? `:${place.tag}` : "") +
    (place.digest ? `@${place.digest}` : "")
  );
}

Deno.test("a registries.conf blocks one tag, and one digest, of a repository", async () => {
  const mirrors = await conf(`
[[registry]]
prefix = "a.dev/x:v1"
blocked = true
[[registry]]
location = "a.dev/x@${digest}"
blocked = true
[[registry]]
prefix = "a.dev/y:latest"
blocked = true
`);
  for (
    const name of [
      { repository: "x", tag: "v1" },
      { repository: "x", tag: "v1", digest: other },
      { repository: "x", digest },
      { repository: "y", tag: "latest" },
      { repository: "y" },
    ]
  ) {
    const image = { host: "a.dev", ...name };
    assertThrows(() => mirrors.places(image), UsageError, "blocks it");
    assertThrows(() => mirrors.writtenPlain(image), UsageError, "blocks it");
  }
  assertEquals(placesOf(mirrors, { repository: "x", tag: "v1.2" }), ["a.dev/x:v1.2"]);
  assertEquals(placesOf(mirrors, { repository: "x", tag: "v2", digest: other }), [
    `a.dev/x:v2@${other}`,
  ]);
  assertEquals(placesOf(mirrors, { repository: "x" }), ["a.dev/x"]);
  // The tags of a repository of which one is blocked may be listed.
  assertEquals(mirrors.origin({ host: "a.dev", repository: "y" }).repository, "y");
});

Deno.test("a registries.conf reads one tag elsewhere, before what holds for its repository", async () => {
  const mirrors = await conf(`
[[registry]]
prefix = "a.dev/x"
[[registry.mirror]]
location = "b.dev/all"
[[registry]]
prefix = "a.dev/x:v1"
location = "c.dev/x:v1"
[[registry.mirror]]
location = "b.dev/one:first"
[[registry.mirror]]
location = "b.dev/same"
`);
  assertEquals(placesOf(mirrors, { repository: "x", tag: "v1" }), [
    "b.dev/one:first",
    "b.dev/same:v1",
    "c.dev/x:v1",
  ]);
  assertEquals(placesOf(mirrors, { repository: "x", tag: "v2" }), ["b.dev/all:v2", "a.dev/x:v2"]);
  assertEquals(placesOf(mirrors, { repository: "x/v1", tag: "v1" })[0], "b.dev/all/v1:v1");
});

Deno.test("a registries.conf gives no other image for the digest that was asked for", async () => {
  const mirrors = await conf(
    `[[registry]]\nprefix = "a.dev/x@${digest}"\nlocation = "b.dev/x@${other}"`,
  );
  const image = { host: "a.dev", repository: "x", digest };
  assertThrows(() => mirrors.places(image), UsageError, "is another image");
});

Deno.test("parseMirrors() takes a mirror for one tag", () => {
  const mirrors = new RegistryMirrors(parseMirrors(["a.dev/x:v1=b.dev/x"]));
  assertEquals(placesOf(mirrors, { repository: "x", tag: "v1" }), ["b.dev/x:v1", "a.dev/x:v1"]);
  assertEquals(placesOf(mirrors, { repository: "x", tag: "v2" }), ["a.dev/x:v2"]);
});
