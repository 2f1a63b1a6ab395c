// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * Installs what the tests need where that is possible, runs the tests and the examples of the README and of the docstrings, and
 * ends with one line, `N passed, N failed, N skipped`. Arguments go to `deno test`; with any, the examples are left out.
 *
 * @module
 */
import { missingMessage, setup } from "./setup.ts";

interface Counts {
  passed: number;
  failed: number;
  skipped: string[];
}

async function runTests(args: readonly string[]): Promise<Counts> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--junit-path", report, ...args],
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
    }).output();
    const counts = readReport(await Deno.readTextFile(report));
    if (!success && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    await Deno.remove(report);
  }
}

/** Counts the cases of a JUnit report. */
export function readReport(xml: string): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: [] };
  for (const [, attributes = "", body = ""] of xml.matchAll(testcase)) {
    const name = unescapeXml(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "");
    if (/<(failure|error)\b/.test(body)) counts.failed++;
    else if (/<skipped\b/.test(body)) counts.skipped.push(name);
    else counts.passed++;
  }
  return counts;
}

const testcase = /<testcase\b((?:\s+[\w:.-]+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/testcase>)/g;

function unescapeXml(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'").replaceAll("&#39;", "'").replaceAll("&amp;", "&");
}

if (import.meta.main) {
  const missing = await setup();
  if (missing.length > 0) console.error(missingMessage(missing));
  const all = Deno.args.length > 0 ? [await runTests(Deno.args)] : [
    await runTests(["--parallel", "tests"]),
    await runTests(["--doc", "README.md", "mod.ts", "lib", "tasks"]),
  ];
  const passed = all.reduce((sum, counts) => sum + counts.passed, 0);
  const failed = all.reduce((sum, counts) => sum + counts.failed, 0);
  const skipped = all.flatMap((counts) => counts.skipped);
  for (const name of skipped) console.log(`skipped: ${name}`);
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  if (failed > 0) Deno.exitCode = 1;
}
