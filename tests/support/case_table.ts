import { assert } from "@std/assert";
import { join } from "@std/path";

const root = join(import.meta.dirname!, "..", "..");

/** One row of a table that says which test holds which case. */
export interface CaseRow {
  /** The case. */
  name: string;
  /** The file in backquotes and the beginning of a test's name in quotes, or `none: ` and the reason. */
  test: string;
}

/** Reads a table of two columns in Markdown, the first one headed `case`. */
export async function readCaseTable(path: string): Promise<CaseRow[]> {
  const table = await Deno.readTextFile(path);
  return [...table.matchAll(/^\| ([^|]+?) +\| (.+?) +\|$/gm)]
    .map(([, name, test]) => ({ name: name!, test: test! }))
    .filter(({ name }) => name !== "case" && !name.startsWith("---"));
}

/** Holds a row against the tests. */
export async function assertCase({ test }: CaseRow): Promise<void> {
  if (/^none: \S/.test(test)) return;
  const [, file, title] = /^`([^`]+)` "([^"]+)"/.exec(test) ?? [];
  assert(file !== undefined && title !== undefined, test);
  const text = await Deno.readTextFile(join(root, file));
  assert(text.includes(`"${title}`) || text.includes(`\`${title}`), `${file} has no "${title}"`);
}
