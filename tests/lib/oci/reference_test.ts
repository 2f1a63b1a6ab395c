import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { UsageError } from "../../../lib/base/errors.ts";
import {
  formatReference,
  parseReference,
  type RegistryReference,
} from "../../../lib/oci/reference.ts";

const hex = "0123456789abcdef".repeat(4);
const digest = `sha256:${hex}`;

Deno.test("parseReference() reads host, repository, tag and digest", () => {
  const read = (text: string) => ({ ...parseReference(text) }) as Record<string, unknown>;
  assertEquals(read("docker://ghcr.io/acme/vm:1.2"), {
    transport: "docker",
    host: "ghcr.io",
    repository: "acme/vm",
    tag: "1.2",
  });
  assertEquals(read(`docker://localhost:5000/a__b/c-d.e:x@${digest}`), {
    transport: "docker",
    host: "localhost:5000",
    repository: "a__b/c-d.e",
    tag: "x",
    digest,
  });
  assertEquals(read("docker://[::1]:5000/a"), {
    transport: "docker",
    host: "[::1]:5000",
    repository: "a",
  });
  assertEquals(read("docker://docker.io/alpine").repository, "library/alpine");
  assertEquals(read("oci:images/vm"), { transport: "oci", folder: "images/vm" });
  assertEquals(read("oci:/a b:v1".replace(" ", "_")), {
    transport: "oci",
    folder: "/a_b",
    tag: "v1",
  });
  assertEquals(read("oci:C:\\images:v1"), {
    transport: "oci",
    folder: "C:\\images",
    tag: "v1",
  });
  assertEquals(read("oci:dir:ghcr.io/acme/vm:1"), {
    transport: "oci",
    folder: "dir",
    tag: "ghcr.io/acme/vm:1",
  });
  assertEquals(read(`oci:dir@${digest}`), { transport: "oci", folder: "dir", digest });
  assertEquals(read("oci:/My Disks/a b:v1"), {
    transport: "oci",
    folder: "/My Disks/a b",
    tag: "v1",
  });
});

const malformed: [text: string, state: string, hint: string][] = [
  ["", "begins with neither", "write docker://"],
  ["ghcr.io/acme/vm", "begins with neither", "did you mean docker://ghcr.io/acme/vm?"],
  ["docker:ghcr.io/a", "begins with neither", "did you mean docker://ghcr.io/a?"],
  ["docker:/ghcr.io/a", "begins with neither", "did you mean docker://ghcr.io/a?"],
  ["https://ghcr.io/a", "begins with neither", "did you mean docker://ghcr.io/a?"],
  ["DOCKER://ghcr.io/a", "begins with neither", "did you mean docker://ghcr.io/a?"],
  ["dir:images", "begins with neither", "did you mean oci:images?"],
  ["dir:/tmp/images", "begins with neither", "did you mean oci:/tmp/images?"],
  ["OCI:/tmp/images", "begins with neither", "did you mean oci:/tmp/images?"],
  ["podman:app", "begins with neither", "an engine is only written to"],
  ["docker-daemon:app:v1", "begins with neither", "an engine is only written to"],
  ["docker://alpine", "names no repository", "did you mean docker://docker.io/library/alpine?"],
  [
    "docker://ubuntu:22",
    "names no repository",
    "did you mean docker://docker.io/library/ubuntu:22?",
  ],
  ["docker://127.0.0.1:5000", "names no repository", "write docker://HOST"],
  ["docker://localhost:5000", "names no repository", "write docker://HOST"],
  ["docker://ghcr.io", "names no repository", "write docker://HOST"],
  ["docker://acme/vm", '"acme" is not a host', "did you mean docker://docker.io/acme/vm?"],
  ["docker:///acme/vm", "a host must follow", "did you mean docker://acme/vm?"],
  ["docker://ghcr.io/", "the repository is empty", "lower-case"],
  ["docker://ghcr.io/Acme/vm", '"Acme/vm" is not a repository', "docker://ghcr.io/acme/vm?"],
  ["docker://ghcr.io/a//b", '"a//b" is not a repository', "lower-case"],
  ["docker://ghcr.io/a/../b", '"a/../b" is not a repository', "lower-case"],
  ["docker://ghcr.io/a:", "the tag is empty", "a tag has up to 128"],
  ["docker://ghcr.io/a:-x", '"-x" is not a tag', "a tag has up to 128"],
  [`docker://ghcr.io/a:${"x".repeat(129)}`, "is not a tag", "a tag has up to 128"],
  ["docker://ghcr.io/a b", "white space", "write docker://"],
  ["docker://ghcr.io/a\n", "white space or control", "write docker://"],
  ["docker://ghcr.io:99999/a", '"ghcr.io:99999" is not a host', "write docker://"],
  ["docker://acme/vm:1", '"acme" is not a host', "did you mean docker://docker.io/acme/vm:1?"],
  ["docker://user@ghcr.io/a", "it holds credentials", "docker login ghcr.io"],
  ["docker://ghcr.io/a@latest", "what follows @ is not a digest", "a digest is sha256:"],
  ["docker://ghcr.io/a@sha256:12", "not 64 lower-case", "a digest is sha256:"],
  [`docker://ghcr.io/a@sha512:${hex}${hex}`, '"sha512" are not supported', "a digest is sha256:"],
  [`docker://ghcr.io/a@sha256:${hex.toUpperCase()}`, "not 64", `docker://ghcr.io/a@${digest}?`],
  [`docker://ghcr.io/${"a".repeat(256)}`, "longer than 255", ""],
  [`docker://ghcr.io/${"a".repeat(5000)}`, "longer than 4096", ""],
  ["oci:", "names no folder", "write oci:FOLDER"],
  ["oci::tag", "names no folder", "write oci:FOLDER"],
  ["oci:dir:", "the tag is empty", "a name in a layout"],
  ["oci://dir", "oci: takes no host", "did you mean oci:/dir?"],
  ["oci:dir:a..b/", "is not a name", "a name in a layout"],
  ["oci:dir:a b", "is not a name", "a name in a layout"],
  [`oci:dir:a${"_".repeat(200)}-`, "is not a name", "a name in a layout"],
  [`oci:dir:${"a--".repeat(80)}`, "is not a name", "a name in a layout"],
  ["oci: dir", "begins or ends with white space", "write docker://"],
  ["oci:dir :v1", "begins or ends with white space", "write docker://"],
  ["oci:a\tb", "white space or control", "write docker://"],
  ["oci:a\u00a0b", "white space or control", "write docker://"],
];

for (const [text, state, hint] of malformed) {
  Deno.test(`parseReference() refuses ${JSON.stringify(text.slice(0, 60))}`, () => {
    const error = assertThrows(() => parseReference(text), UsageError, state);
    assertEquals(error.exitCode, 2);
    assert(error.hint?.includes(hint), `the hint is ${error.hint}`);
  });
}

Deno.test("parseReference() repeats no password", () => {
  for (const scheme of ["docker", "https", "registry"]) {
    for (const password of ["hunter2", "hunter2@", "a:hunter2"]) {
      const text = `${scheme}://me:${password}@ghcr.io:443/acme/vm:1`;
      const error = assertThrows(() => parseReference(text), UsageError, "it holds credentials");
      const told = JSON.stringify([error.message, error.hint, error.data]);
      assert(!told.includes("hunter2"), told);
      assert(error.hint?.endsWith("docker login ghcr.io:443"), error.hint);
    }
  }
});

const part = fc.stringMatching(/^[a-z0-9]{1,6}([._-][a-z0-9]{1,6}){0,2}$/);
const validReference = fc.record({
  host: fc.constantFrom("localhost", "ghcr.io", "127.0.0.1:5000", "[::1]:80", "a-b.example:1"),
  parts: fc.array(part, { minLength: 1, maxLength: 4 }),
  tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), { nil: undefined }),
  digest: fc.boolean(),
}).map(({ host, parts, tag, digest: pinned }) =>
  `docker://${host}/${parts.join("/")}${tag === undefined ? "" : `:${tag}`}${
    pinned ? `@${digest}` : ""
  }`
);

Deno.test("parseReference() reads back what formatReference() writes", () => {
  fc.assert(fc.property(validReference, (text) => {
    assertEquals(formatReference(parseReference(text)), text);
  }));
});

Deno.test("parseReference() gives a reference of the grammar or a UsageError, whatever it reads", () => {
  const near = fc.tuple(validReference, fc.nat(), fc.string({ maxLength: 3 })).map(
    ([text, at, noise]) => {
      const place = at % text.length;
      return text.slice(0, place) + noise + text.slice(place + 1);
    },
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), near), (text) => {
      try {
        const reference = parseReference(text);
        const written = formatReference(reference);
        assertEquals(formatReference(parseReference(written)), written);
        if (reference.transport === "docker") {
          assert(/^[a-z0-9][a-z0-9._/-]*$/.test(reference.repository), reference.repository);
          assert(URL.canParse(`http://${reference.host}/v2/`), reference.host);
          assert(!reference.host.includes("@"));
        }
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("parseReference() gives a host in small letters, since hosts do not mind case", () => {
  const { host, repository } = parseReference("docker://Docker.IO/debian") as RegistryReference;
  assertEquals([host, repository], ["docker.io", "library/debian"]);
  assertEquals(
    formatReference(parseReference("docker://Cache.LAN:5000/a:V1")),
    "docker://cache.lan:5000/a:V1",
  );
});
