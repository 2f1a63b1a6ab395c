import { assertEquals } from "@std/assert";
import { compareVersions } from "../../../lib/base/compare_versions.ts";

Deno.test("compareVersions() orders by numbers, not by letters", () => {
  const sorted = ["2.31.5", "2.8.0", "2.31.10", "2.8", "2.30.0"].sort(compareVersions);
  assertEquals(sorted, ["2.8.0", "2.8", "2.30.0", "2.31.5", "2.31.10"]);
});
