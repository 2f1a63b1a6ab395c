import { assertEquals } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { formatPlatform, parsePlatform, selectPlatform } from "../../../lib/oci/platform.ts";

/** What is taken of an index with images for these platforms, in this order. */
function taken(wanted: string, ...platforms: string[]): string[] {
  const entries: Descriptor[] = platforms.map((platform) => ({
    mediaType: MediaType.ociManifest,
    digest: sha256(platform),
    size: 1,
    platform: parsePlatform(platform),
  }));
  return selectPlatform(entries, parsePlatform(wanted)).map(({ platform }) =>
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
