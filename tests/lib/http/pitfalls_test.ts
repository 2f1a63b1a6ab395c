import { assert } from "@std/assert";
import { join } from "@std/path";
import { assertCase, readCaseTable } from "../../support/case_table.ts";

const rows = await readCaseTable(join(import.meta.dirname!, "PITFALLS.md"));

Deno.test("PITFALLS.md can be read", () => assert(rows.length > 40));

for (const row of rows) {
  Deno.test(`PITFALLS.md is right that a test holds: ${row.name}`, () => assertCase(row));
}
