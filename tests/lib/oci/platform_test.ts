import { assertEquals } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import {
  fitsBest,
  formatPlatform,
  isSamePlatform,
  normalizePlatform,
  parsePlatform,
  selectPlatform,
} from "../../../lib/oci/platform.ts";

/** An index with images for these platforms, in this order. */
function entriesFor(...platforms: string[]): Descriptor[] {
  return platforms.map((text) => {
    const [os, architecture, variant] = text.split("/") as [string, string, string?];
    const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    return { mediaType: MediaType.ociManifest, digest: sha256(text), size: 1, platform };
  });
}

/** What is taken of such an index. */
function taken(wanted: string, ...platforms: string[]): string[] {
  return selectPlatform(entriesFor(...platforms), parsePlatform(wanted)).map(({ platform }) =>
    formatPlatform(platform!)
  );
}

Deno.test("selectPlatform() takes without a variant what every machine runs, wherever it stands in the index", () => {
  assertEquals(taken("linux/amd64", "linux/amd64/v3", "linux/amd64"), ["linux/amd64"]);
  assertEquals(taken("linux/amd64", "linux/amd64/v3", "linux/amd64/v1"), ["linux/amd64/v1"]);
  assertEquals(taken("linux/amd64", "linux/amd64/v3"), ["linux/amd64/v3"]);
  assertEquals(taken("linux/arm", "linux/arm/v5", "linux/arm/v7", "linux/arm64/v8"), [
    "linux/arm/v7",
  ]);
  assertEquals(taken("linux/arm", "linux/arm/v5", "linux/arm/v6"), ["linux/arm/v6"]);
  assertEquals(taken("linux/arm64", "linux/arm64/v9", "linux/arm64/v8"), ["linux/arm64/v8"]);
  assertEquals(taken("linux/riscv64", "linux/riscv64/a", "linux/riscv64"), ["linux/riscv64"]);
});

Deno.test("selectPlatform() takes a variant that is asked for, and one without any where none has it", () => {
  assertEquals(taken("linux/arm/v6", "linux/arm/v7", "linux/arm/v6"), ["linux/arm/v6"]);
  assertEquals(taken("linux/arm64/v8", "linux/arm64"), ["linux/arm64"]);
  assertEquals(taken("linux/arm/v7", "linux/arm/v6"), []);
  assertEquals(taken("linux/x86_64/v3", "linux/amd64", "linux/amd64/v3"), ["linux/amd64/v3"]);
});

Deno.test("normalizePlatform() gives a platform the one name that engines use", () => {
  const cases = {
    "linux/arm64/v8": "linux/arm64",
    "linux/arm64/8": "linux/arm64",
    "linux/aarch64": "linux/arm64",
    "linux/arm64/v9": "linux/arm64/v9",
    "linux/arm": "linux/arm/v7",
    "linux/arm/6": "linux/arm/v6",
    "linux/armhf": "linux/arm/v7",
    "linux/armel": "linux/arm/v6",
    "linux/armhf/v6": "linux/arm/v7",
    "linux/armel/v7": "linux/arm/v6",
    "linux/arm/v6": "linux/arm/v6",
    "linux/x86-64": "linux/amd64",
    "linux/x86_64/v3": "linux/amd64/v3",
    "linux/x86_64": "linux/amd64",
    "Linux/AMD64/v1": "linux/amd64",
    "linux/amd64/v3": "linux/amd64/v3",
    "linux/i386": "linux/386",
    "linux/riscv64": "linux/riscv64",
    // A registry may write anything.
    "linux/constructor": "linux/constructor",
    "linux/__proto__/toString": "linux/__proto__/tostring",
  };
  for (const [text, normal] of Object.entries(cases)) {
    assertEquals(formatPlatform(normalizePlatform(entriesFor(text)[0]!.platform!)), normal);
    assertEquals(isSamePlatform(text, normal), true);
  }
  assertEquals(isSamePlatform("linux/arm64/v9", "linux/arm64"), false);
  assertEquals(formatPlatform(parsePlatform("linux/constructor")), "linux/constructor");
});

Deno.test("parsePlatform() means by each name of a platform what normalizePlatform() means by it", () => {
  for (const name of ["armhf", "armel", "arm", "aarch64", "arm64", "x86_64", "x86-64", "i386"]) {
    for (const text of [name, `${name}/v6`, `${name}/v7`, `${name}/v8`, `${name}/v1`]) {
      const [architecture, variant] = text.split("/") as [string, string?];
      const written = { os: "linux", architecture, ...(variant === undefined ? {} : { variant }) };
      assertEquals(
        formatPlatform(normalizePlatform(parsePlatform(`linux/${text}`))),
        formatPlatform(normalizePlatform(written)),
        text,
      );
    }
  }
  assertEquals(taken("linux/armhf/v6", "linux/arm/v6", "linux/arm/v7"), ["linux/arm/v7"]);
});

Deno.test("selectPlatform() takes a platform by each of its names", () => {
  assertEquals(taken("linux/arm64", "linux/aarch64"), ["linux/aarch64"]);
  assertEquals(taken("linux/arm64/v8", "linux/arm64/v9", "linux/arm64"), ["linux/arm64"]);
  assertEquals(taken("linux/arm64", "linux/arm64/v9", "linux/arm64/v8"), ["linux/arm64/v8"]);
  assertEquals(taken("linux/arm/v7", "linux/arm"), ["linux/arm"]);
  assertEquals(taken("linux/arm/v7", "linux/arm/7"), ["linux/arm/7"]);
  assertEquals(taken("linux/amd64/v1", "linux/x86_64"), ["linux/x86_64"]);
  assertEquals(taken("linux/amd64/v3", "linux/amd64/v1"), ["linux/amd64/v1"]);
  assertEquals(fitsBest(entriesFor("linux/arm64"), parsePlatform("linux/arm64/v8")), true);
  assertEquals(fitsBest(entriesFor("linux/arm64/v9"), parsePlatform("linux/arm64")), false);
});
