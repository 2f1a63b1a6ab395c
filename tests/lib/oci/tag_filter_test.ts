import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { parseTagFilter } from "../../../lib/oci/tag_filter.ts";

const tags = [
  ...[
    "1",
    "v1",
    "1.2",
    "v1.2",
    "v1.2.0",
    "1.2.7",
    "1.3",
    "1.3.0-rc.1",
    "1.3-alpine",
    "2",
    "v2.0.0",
  ],
  ...["22.04", "24.04", "latest", "1.2.", "v1.2.3.4", "1.2.3_4", "sha-1234", "9".repeat(30)],
];

const cases: Record<string, readonly string[]> = {
  "1.2": ["1.2", "v1.2", "v1.2.0", "1.2.7"],
  "~1.2": ["1.2", "v1.2", "v1.2.0", "1.2.7"],
  "^1.2": ["1.2", "v1.2", "v1.2.0", "1.2.7", "1.3"],
  ">=1.2 <2": ["1.2", "v1.2", "v1.2.0", "1.2.7", "1.3"],
  ">= 1.2, < 2": ["1.2", "v1.2", "v1.2.0", "1.2.7", "1.3"],
  "1.2 - 1.3": ["1.2", "v1.2", "v1.2.0", "1.2.7", "1.3"],
  "~1": ["1", "v1", "1.2", "v1.2", "v1.2.0", "1.2.7", "1.3"],
  "1.x": ["1", "v1", "1.2", "v1.2", "v1.2.0", "1.2.7", "1.3"],
  "<1.2 || v2": ["1", "v1", "2", "v2.0.0"],
  "1.2.0": ["1.2", "v1.2", "v1.2.0"],
  ">1.2": ["1.3", "2", "v2.0.0", "22.04", "24.04"],
  ">=22.04": ["22.04", "24.04"],
  "24.04": ["24.04"],
  "~1.3.0-alpha": ["1.3", "1.3.0-rc.1", "1.3-alpine"],
};

Deno.test("parseTagFilter() takes ranges of versions, and tags that are versions in part", () => {
  for (const [range, fitting] of Object.entries(cases)) {
    assertEquals(tags.filter(parseTagFilter(`semver:${range}`)), fitting, range);
  }
});

Deno.test("parseTagFilter() refuses what is not a range, and an empty one, which would be any version", () => {
  for (
    const text of [
      "",
      " ",
      "latest",
      ">>1",
      "!=1.3",
      "^1.2 and more",
      "||",
      "1.2 ||",
      "|| 1.2",
      "1 || || 2",
    ]
  ) {
    assertThrows(
      () => parseTagFilter(`semver:${text}`),
      UsageError,
      "it is not a range of versions",
    );
  }
});
