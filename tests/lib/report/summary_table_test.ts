import { assertEquals } from "@std/assert";
import { makePaint } from "../../../lib/report/paint.ts";
import { summaryTable } from "../../../lib/report/summary_table.ts";
import type { TaskSummary } from "../../../lib/runner/events.ts";

const image: TaskSummary = {
  task: "image",
  status: "done",
  durationMs: 2000,
  figures: {
    ...{ changed: true, bytesMoved: 1024, bytesReused: 0, requests: 1, dryRun: false },
    why: "the destination lacks one blob",
  },
  why: "the destination lacks one blob",
};

Deno.test("summaryTable() tells what a task came to on a terminal of a single column too", () => {
  const lines = ["image: done", "  2.0s", "  moved 1 KiB", "  reused 0 B"];
  for (const columns of [1, 8, 20]) {
    assertEquals(summaryTable([image], makePaint(false), columns), lines, `${columns} columns`);
  }
});

Deno.test("summaryTable() leaves why a task failed to those who tell it", () => {
  const failed: TaskSummary = { task: "late", status: "failed", durationMs: 5, why: "no room" };
  const lines = summaryTable([image, failed], makePaint(false));
  assertEquals(lines.at(-1), "late   failed  5ms");
});
