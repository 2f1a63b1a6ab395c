import { assertEquals, assertThrows } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { parseManifest } from "../../../lib/oci/manifest.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";

const blob = { mediaType: MediaType.ociLayerGzip, digest: sha256("x"), size: 1 };
const config = { mediaType: MediaType.ociConfig, digest: sha256("{}"), size: 2 };
const image = { schemaVersion: 2, config, layers: [blob] };

function bytesOf(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}

Deno.test("parseManifest() tells images, indexes and artifacts apart", () => {
  const kinds = [
    image,
    { schemaVersion: 2, manifests: [{ ...blob, mediaType: MediaType.ociManifest }] },
    { mediaType: MediaType.ociArtifact, blobs: [blob] },
    { ...image, mediaType: MediaType.dockerManifest },
  ].map((value) => parseManifest(bytesOf(value), { name: "x" }));
  assertEquals(
    kinds.map(({ kind, mediaType, blobs, manifests }) => [
      kind,
      mediaType,
      blobs.length,
      manifests.length,
    ]),
    [
      ["image", MediaType.ociManifest, 2, 0],
      ["index", MediaType.ociIndex, 0, 1],
      ["image", MediaType.ociArtifact, 1, 0],
      ["image", MediaType.dockerManifest, 2, 0],
    ],
  );
});

Deno.test("parseManifest() takes null for what is not there, as programs in Go and others write it", () => {
  const none = { annotations: null, subject: null, artifactType: null };
  const manifest = parseManifest(
    bytesOf(JSON.stringify({
      ...image,
      ...none,
      config: { ...blob, annotations: null, urls: null, platform: null },
      layers: null,
    })),
    { name: "x", mediaType: MediaType.ociManifest },
  );
  assertEquals(manifest.blobs.map(({ digest }) => digest), [blob.digest]);
  assertEquals([manifest.subject, manifest.artifactType], [undefined, undefined]);
  assertEquals(manifest.annotations, {});
  const index = bytesOf(JSON.stringify({ schemaVersion: 2, manifests: null, ...none }));
  assertEquals(parseManifest(index, { name: "x", mediaType: MediaType.ociIndex }).manifests, []);
});

Deno.test("parseManifest() keeps the bytes and their digest", () => {
  const bytes = bytesOf(`${JSON.stringify(image)}\n\n`);
  const manifest = parseManifest(bytes, { name: "x" });
  assertEquals([manifest.bytes, manifest.digest], [bytes, sha256(bytes)]);
});

Deno.test("parseManifest() keeps what a descriptor says beyond what it must", () => {
  const layer = {
    ...blob,
    data: "eA==",
    platform: { os: "a", architecture: "b", features: ["c"] },
  };
  const { blobs } = parseManifest(bytesOf({ ...image, layers: [layer] }), { name: "x" });
  assertEquals(blobs[1], layer);
});

const bad: [what: string, value: unknown, state: string, mediaType?: string][] = [
  ["an HTML page", "<!DOCTYPE html><p>Hello", "HTML page"],
  ["no JSON", "{", "it is not JSON"],
  ["no UTF-8", "\ud800", "neither an image nor an index"],
  ["an array", [], "not a JSON object"],
  ["null", "null", "not a JSON object"],
  ["deep JSON", "[".repeat(200_000), "it is not JSON"],
  ["a deep closed JSON", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, "not a JSON object"],
  ["schema 1", { schemaVersion: 1, fsLayers: [] }, "schema 1"],
  ["neither", { schemaVersion: 2 }, "neither an image nor an index"],
  ["both", { ...image, manifests: [] }, "both an image and an index"],
  [
    "both, and says that it is an image",
    { ...image, mediaType: MediaType.ociManifest, manifests: [blob] },
    "both an image and an index",
    MediaType.ociManifest,
  ],
  [
    "an index with a config",
    { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [], config },
    "both an image and an index",
    MediaType.ociIndex,
  ],
  ["an unknown type", { ...image, mediaType: "text/plain" }, '"text/plain" is unknown'],
  [
    "another type than announced",
    { ...image, mediaType: MediaType.ociManifest },
    "was announced as",
    MediaType.ociIndex,
  ],
  ["a negative size", { ...image, layers: [{ ...blob, size: -1 }] }, "a size is negative"],
  ["half a byte", { ...image, layers: [{ ...blob, size: 0.5 }] }, "not a whole number"],
  ["a huge size", { ...image, layers: [{ ...blob, size: 2 ** 52 }] }, "beyond reason"],
  ["a size in words", { ...image, layers: [{ ...blob, size: "1" }] }, "layers.0.size"],
  [
    "an unknown algorithm",
    { ...image, layers: [{ ...blob, digest: "md5:00" }] },
    '"md5:00" is not sha256',
  ],
  [
    "a path as digest",
    { ...image, config: { ...config, digest: "sha256:../../etc/passwd" } },
    "is not sha256",
  ],
  ["no config", { schemaVersion: 2, layers: [] }, "config"],
  ["a layer that is none", { ...image, layers: [7] }, "an object is expected (at layers.0)"],
  [
    "layers that are none",
    { ...image, layers: {} },
    "a list is expected (at layers)",
    MediaType.ociManifest,
  ],
  ["another version", { ...image, schemaVersion: "2" }, "schemaVersion is not 2"],
  [
    "a number as annotation",
    { ...image, annotations: { a: "x", b: 1 } },
    "a text is expected (at annotations.b)",
  ],
  [
    "a list as annotations of a layer",
    { ...image, layers: [{ ...blob, annotations: [] }] },
    "an object is expected (at layers.0.annotations)",
  ],
  [
    "an address that is none",
    { ...image, layers: [{ ...blob, urls: ["https://x", 1] }] },
    "a text is expected (at layers.0.urls.1)",
  ],
  [
    "half a platform",
    { ...image, layers: [{ ...blob, platform: { os: "linux" } }] },
    "a text is expected (at layers.0.platform.architecture)",
  ],
  ["a subject that is none", { ...image, subject: "x" }, "an object is expected (at subject)"],
  ["a bad media type", { ...image, layers: [{ ...blob, mediaType: "x y" }] }, "media type"],
];

for (const [what, value, state, mediaType] of bad) {
  Deno.test(`parseManifest() refuses ${what}`, () => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const bytes = what === "no UTF-8"
      ? new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])
      : bytesOf(text);
    assertThrows(
      () => parseManifest(bytes, { name: "x", mediaType }),
      VerificationError,
      what === "no UTF-8" ? "it is not JSON" : state,
    );
  });
}

Deno.test("parseManifest() refuses more than 4 MiB and another digest", () => {
  assertThrows(
    () => parseManifest(new Uint8Array(4 * 1024 * 1024 + 1), { name: "x" }),
    VerificationError,
    "more than 4194304",
  );
  assertThrows(
    () => parseManifest(bytesOf(image), { name: "x", digest: sha256("other") }),
    VerificationError,
    "not sha256:",
  );
});
