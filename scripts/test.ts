// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * Installs what the tests need where that is possible, runs the tests and the examples of the README and of the docstrings, and
 * ends with what failed and one line, `N passed, N failed, N skipped`. Arguments go to `deno test`; with any, the examples are left out.
 *
 * @module
 */
import { missingMessage, setup } from "./setup.ts";

interface Counts {
  passed: number;
  failed: Failure[];
  skipped: string[];
}

/** A test that failed: its name, where it stands, and what it said. */
interface Failure {
  name: string;
  at: string;
  text: string;
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
    if (!success && counts.failed.length === 0) {
      counts.failed.push({
        name: "deno test",
        at: args.join(" "),
        text: "It failed outside of any test, as told above",
      });
    }
    return counts;
  } finally {
    await Deno.remove(report);
  }
}

/** The cases of a JUnit report: how many passed, which failed and why, and the names of the skipped. */
export function readReport(xml: string): Counts {
  const counts: Counts = { passed: 0, failed: [], skipped: [] };
  for (const [, attributes = "", body = ""] of xml.matchAll(testcase)) {
    const attribute = (key: string, all = attributes) =>
      unescapeXml(new RegExp(`\\b${key}="([^"]*)"`).exec(all)?.[1] ?? "");
    const name = attribute("name");
    const failure = /<(failure|error)\b([^>]*?)(?:\/>|>([\s\S]*?)<\/\1>)/.exec(body);
    if (failure !== null) {
      const [, , about, text] = failure;
      counts.failed.push({
        name,
        at: `${attribute("classname")}:${attribute("line")}`,
        // One that was cut off by an error of another one has no words but these.
        text: text === undefined ? attribute("message", about) : unescapeXml(text),
      });
    } else if (/<skipped\b/.test(body)) counts.skipped.push(name);
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
  const failed = all.flatMap((counts) => counts.failed);
  const skipped = all.flatMap((counts) => counts.skipped);
  for (const name of skipped) console.log(`skipped: ${name}`);
  // What failed is told again here: the end of a long log is what stays in sight.
  for (const { name, at, text } of failed) {
    console.log(`failed: ${name} (${at})\n${text.slice(0, 4000)}\n`);
  }
  console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
  if (failed.length > 0) Deno.exitCode = 1;
}
