// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * All that must hold before a commit: formatting, lint, types, documentation, examples, tests, and what a release would publish.
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };

/** Each check, in the order in which a mistake is cheapest to find. */
const checks: readonly (readonly [name: string, args: readonly string[]])[] = [
  ["formatting", ["fmt", "--check", "--quiet"]],
  ["lint", ["lint", "--quiet"]],
  ["types", ["check", "--quiet", "."]],
  ["documentation", ["doc", "--lint", "--quiet", ...Object.values(config.exports)]],
  ["release", ["run", "-A", "scripts/release.ts", "--dry-run"]],
  ["tests and examples", ["run", "-A", "scripts/test.ts"]],
];

const failed: string[] = [];
for (const [name, args] of checks) {
  console.log(`== ${name}`);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) failed.push(name);
}
console.log(failed.length === 0 ? "All holds" : `Does not hold: ${failed.join(", ")}`);
if (failed.length > 0) Deno.exitCode = 1;
