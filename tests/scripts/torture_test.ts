import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";

const script = fromFileUrl(new URL("../../scripts/torture.ts", import.meta.url));

async function torture(...args: string[]): Promise<{ code: number; stdout: string; said: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", script, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), said: decoder.decode(stderr) };
}

Deno.test("torture.ts --help says how it is used, and tortures nothing", async () => {
  const { code, stdout } = await torture("--help");
  assertEquals(code, 0);
  assertStringIncludes(stdout, "usage: torture.ts [ROUNDS [SEED]]");
});

for (
  const args of [["many"], ["0"], ["-1"], ["1.5"], ["1", "x"], ["1", "2", "3"], ["--rounds=2"]]
) {
  Deno.test(`torture.ts refuses ${args.join(" ")} rather than to find nothing wrong`, async () => {
    const { code, stdout, said } = await torture(...args);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(said, "usage: torture.ts [ROUNDS [SEED]]");
  });
}
