import { assertEquals } from "@std/assert";
import { argumentBatches } from "../../../../lib/nix/program/argument_batches.ts";

Deno.test("argumentBatches() gives all paths in their order, no more at once than fit", () => {
  const paths = Array.from({ length: 10_000 }, (_, i) => `/nix/store/${"n".repeat(230)}-${i}`);
  const batches = [...argumentBatches(paths)];
  assertEquals(batches.flat(), paths);
  assertEquals(batches.length, 5);
  for (const batch of batches) assertEquals(batch.join("\0").length < 512 * 1024, true);
  assertEquals([...argumentBatches([])], []);
  assertEquals([...argumentBatches(["x".repeat(600_000), "y"])].map((batch) => batch.length), [
    1,
    1,
  ]);
});
