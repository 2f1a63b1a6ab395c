import { assertEquals } from "@std/assert";
import { JsonReporter } from "../../../lib/report/json_reporter.ts";
import { printable, visible, withoutCommands } from "../../../lib/report/visible.ts";

Deno.test("printable() leaves colours, and nothing that the next line could complete", () => {
  for (
    const [line, shown] of [
      ["\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"],
      ["\x1b[2J\x1b]0;title\x07plain", "plain"],
      // A line break within a sequence does not end it.
      ["end\x1b", "end"],
      ["end\x1b\x1b", "end"],
      ["\x1b\x1b[32mgreen", "\x1b[32mgreen\x1b[0m"],
      // One letter in place of ESC and "[".
      ["\x9b2Jx\x9d0;title\x9c", "2Jx0;title"],
      // What stays hidden would hide what is said next.
      ["\x1b[8mhidden", "\x1b[8mhidden\x1b[0m"],
      ["\x1b\u2028[2J", "[2J"],
    ] as const
  ) assertEquals(printable(line), shown);
});

Deno.test("visible() shows every control character but those of lines and columns", () => {
  assertEquals(visible("a\x1b[2J\x9b1\x7f\n\tb"), "a\\x1b[2J\\x9b1\\x7f\n\tb");
});

Deno.test("withoutCommands() leaves GitHub's runner nothing to obey", () => {
  for (
    const [text, shown] of [
      ["::set-output name=a::b", "\\::set-output name=a::b"],
      ["error: x\n \t::add-path::/evil\n::1", "error: x\n \t\\::add-path::/evil\n\\::1"],
      ["[task] ##[set-output name=a;]b", "[task] ##\\[set-output name=a;]b"],
      ["a::b ## [x]", "a::b ## [x]"],
    ] as const
  ) assertEquals(withoutCommands(text), shown);
  assertEquals(withoutCommands("\n".repeat(300_000)).length, 300_000);
});

Deno.test("JsonReporter writes the same data, and no command of a terminal or of GitHub", () => {
  const lines: string[] = [];
  const reporter = new JsonReporter({
    data: (line) => lines.push(line),
    line: () => {},
    raw: () => {},
  });
  const message = "##[set-output name=a;]b \x9b2J \x1b[2J\x7f";
  reporter.report({ type: "log", level: "info", message });
  assertEquals(JSON.parse(lines[0]!).message, message);
  // deno-lint-ignore no-control-regex -- that none is there is what is asked
  assertEquals(/##\[|[\x00-\x1f\x7f-\x9f]/.test(lines[0]!), false);
});
