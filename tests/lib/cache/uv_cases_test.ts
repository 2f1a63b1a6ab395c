import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { assertCase, readCaseTable } from "../../support/case_table.ts";

const rows = await readCaseTable(join(import.meta.dirname!, "UV_CASES.md"));

Deno.test("UV_CASES.md has a row for each numbered case", () => {
  const numbers = (letter: string, last: number) =>
    Array.from({ length: last }, (_, at) => `${letter}${at + 1}`);
  const wanted = [
    ...numbers("P", 11),
    ...numbers("C", 13),
    ...numbers("D", 10),
    ...numbers("S", 6),
  ];
  const listed = rows.flatMap(({ name }) => name.match(/\b[PCDS]\d+\b/g) ?? []);
  assertEquals(listed.toSorted(), wanted.toSorted());
});

for (const row of rows) {
  Deno.test(`UV_CASES.md is right about ${row.name}`, () => assertCase(row));
}
