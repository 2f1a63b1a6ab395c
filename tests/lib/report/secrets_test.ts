/** No secret gets out, whatever is asked of the program: as it is, line by line, in pieces, in base64, in a URL. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { type ProgramResult, runKedge } from "../../support/program.ts";

const program = fromFileUrl(new URL("./fixtures/tasks.ts", import.meta.url));
const token = 'pa$$ "word" of/many+kinds==';
const key = "-----BEGIN KEY-----\nbWFueSBsaW5lcyBvZg==\n  c2VjcmV0IHRleHQ=\n-----END KEY-----";
const parts = [
  ...[token, "many+kinds", encodeURIComponent(token), btoa(token).slice(2, 20)],
  ...["bWFueSBsaW5lcyBvZg", "c2VjcmV0IHRleHQ", "from-a-program"],
];

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<ProgramResult & { kept: string }> {
  const dir = await Deno.makeTempDir();
  try {
    const file = join(dir, "key");
    await Deno.writeTextFile(file, `${key}\n`);
    const cacheDir = join(dir, "cache");
    const result = await runKedge(args.map((each) => each.replace("FILE", file)), {
      cacheDir,
      program,
      env: { KEDGE_TEST_SECRET: token, ...env },
    });
    let kept = "";
    for await (const { name } of Deno.readDir(cacheDir)) {
      const bytes = await Deno.readFile(join(cacheDir, name));
      kept += new TextDecoder("latin1").decode(bytes);
    }
    return { ...result, kept };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (
  const [how, env] of [
    [["--output=prefix", "--verbose"], {}],
    [["--output=group"], { GITHUB_ACTIONS: "true" }],
    [["--output=interleave"], {}],
    [["--quiet"], {}],
    [["--json"], {}],
  ] as const
) {
  Deno.test(`no secret gets out with ${how.join(" ")}, nor into the journal`, async () => {
    const { code, stdout, stderr, kept } = await run(
      ["confides", "--file", "FILE", "--token", token, ...how],
      env,
    );
    assertEquals(code, 1);
    assertStringIncludes(stdout + stderr, "failed with [redacted]");
    assertStringIncludes(kept, "confides --file");
    for (const part of parts) {
      for (const [where, text] of Object.entries({ stdout, stderr, kept })) {
        assert(!text.includes(part), `${part} is in ${where}: ${text}`);
        const escaped = JSON.stringify(part).slice(1, -1);
        assert(!text.includes(escaped), `${escaped} is in ${where}: ${text}`);
      }
    }
  });
}

Deno.test("no secret gets out with a result", async () => {
  const plain = await run(["gives"]);
  assertEquals([plain.code, plain.stdout], [0, '{"[redacted]":["a","[redacted]"]}\n']);
  const { value } = JSON.parse((await run(["gives", "--json"])).stdout.trim().split("\n").at(-1)!);
  assertEquals(value, { "[redacted]": ["a", "[redacted]"] });
});
