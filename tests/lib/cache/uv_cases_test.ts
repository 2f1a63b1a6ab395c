import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";

const root = join(import.meta.dirname!, "..", "..", "..");
const table = await Deno.readTextFile(join(import.meta.dirname!, "UV_CASES.md"));
const rows = [...table.matchAll(/^\| ([^|]+?) +\| (.+?) +\|$/gm)]
  .map(([, name, test]) => ({ name: name!, test: test! }))
  .filter(({ name }) => name !== "case" && !name.startsWith("---"));

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

for (const { name, test } of rows) {
  Deno.test(`UV_CASES.md is right about ${name}`, async () => {
    if (/^none: \S/.test(test)) return;
    const [, file, title] = /^`([^`]+)` "([^"]+)"/.exec(test) ?? [];
    assert(file !== undefined && title !== undefined, test);
    const text = await Deno.readTextFile(join(root, file));
    assert(text.includes(`"${title}`) || text.includes(`\`${title}`), `${file} has no "${title}"`);
  });
}
