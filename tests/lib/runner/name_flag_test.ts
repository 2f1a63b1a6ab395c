import { assertEquals } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { task } from "../../../lib/runner/task.ts";
import { errorOf, runTasks } from "./run_tasks.ts";

/** What is told of words with which a task refuses what it was given. */
async function told(words: string, ...argv: string[]): Promise<string> {
  const refuses = task({
    name: "refuses",
    description: "Refuse all",
    args: {
      level: arg.number({ description: "How well" }),
      count: arg.number({ description: "How many", default: 3 }),
      chunkSize: arg.bytes({ description: "How large" }),
      allPlatforms: arg.boolean({ description: "All of them" }),
      name: arg.string({ description: "A name" }),
    },
    run: () => {
      throw new UsageError(words);
    },
  });
  return errorOf(await runTasks([refuses], ["refuses", ...argv])).message;
}

for (
  const [argv, words, expected] of [
    [["--level=40"], "Cannot use level 40: it is not 1 to 19", " (--level)"],
    [["--level=-1.5"], "Cannot use -1.5 levels: it is not 1 to 19", " (--level)"],
    [["--chunk-size=1KiB"], "Cannot cut into chunks of 1024 bytes: not 2", " (--chunk-size)"],
    [["--level=40", "--count=4"], "Cannot use level 40: it is not 1 to 19", " (--level)"],
  ] as const
) {
  Deno.test(`a number that a task refuses is told with its flag: ${argv.join(" ")}`, async () => {
    assertEquals(await told(words, ...argv), words.replace(":", `${expected}:`));
  });
}

for (
  const [argv, words] of [
    // Two flags of the same value, a part of another number, what the flag allows, a default, words that name the flag.
    [["--level=4", "--count=4"], "Cannot use 4: it is too much"],
    [["--level=4"], "Cannot use 40, v4, 4.5 or 0.4: it is too much"],
    [["--level=4"], "Cannot use it: it is not 1 to 4"],
    [[], "Cannot use 3 of them: it is too much"],
    [["--level=4"], "Cannot use 4 for --level: it is too much"],
  ] as const
) {
  Deno.test(`words of a number that may be another one stay as they are: ${words}`, async () => {
    assertEquals(await told(words, ...argv), words);
  });
}

Deno.test("a switch that a task refuses is told by its flag", async () => {
  const words = 'Cannot use allPlatforms together with "x"';
  assertEquals(
    await told(words, "--all-platforms", "--name=x"),
    'Cannot use --all-platforms together with "x" of --name',
  );
  assertEquals(await told(words, "--name=y"), words);
});

Deno.test("a path is told as it is, also where it holds the name of a switch", async () => {
  const words = 'Cannot read "/a/allPlatforms/b" with allPlatforms: it is not there';
  assertEquals(
    await told(words, "--all-platforms"),
    'Cannot read "/a/allPlatforms/b" with --all-platforms: it is not there',
  );
});
