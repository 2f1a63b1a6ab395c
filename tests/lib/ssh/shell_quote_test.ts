import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { shellLine, shellQuote } from "../../../lib/ssh/shell_quote.ts";
import { realTest } from "../../support/real.ts";

Deno.test("shellQuote() leaves plain words as they are", () => {
  assertEquals(
    shellLine(["ssh", "-p", "22", "root@web1", ".#web 1", "", "it's"]),
    [
      "ssh -p 22 root@web1 '.#web 1' '' 'it'\\''s'",
    ].join(),
  );
});

realTest("shellQuote() makes one word of any text, for a POSIX shell", ["sh"], async () => {
  const text = fc.string({ unit: "binary" }).filter((each) =>
    !each.includes("\0") && each.isWellFormed()
  );
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 20, maxLength: 60 }), async (texts) => {
      const script = `for word in ${shellLine(texts)}; do printf '%s\\0' "$word"; done`;
      const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
      assertEquals(
        new TextDecoder("utf-8", { ignoreBOM: true }).decode(stdout),
        texts.map((each) => `${each}\0`).join(""),
      );
    }),
    { numRuns: 30 },
  );
  assertEquals(shellQuote("$(x)"), "'$(x)'");
});
