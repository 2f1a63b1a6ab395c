import { assertEquals } from "@std/assert";
import { checkRows } from "../../../lib/chunk/check_rows.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import type { JobPool } from "../../../lib/chunk/job_pool.ts";
import { noise, tableOf } from "../../support/disk.ts";

Deno.test("checkRows() has told of the bytes that stand when others can see that they stand", async () => {
  const table = tableOf(noise(200_000), chunkerFor("fixed", 0, 65_536));
  const rows = table.rows.length;
  const pool = { width: 1, run: () => Promise.resolve({ right: new Uint8Array(rows).fill(1) }) };
  const standing = new Uint8Array(rows);
  let told = 0;
  const checking = checkRows("", table, {
    pool: pool as unknown as JobPool,
    sizeBytes: table.size,
    standing,
    onCheck: (_bytes, right) => told += right,
  });
  while (standing[0] === 0) await Promise.resolve();
  assertEquals(told, table.size);
  await checking;
});
