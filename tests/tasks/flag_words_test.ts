/** What a task refuses of a flag is told with the flag, its value, and what it must be. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../support/main_program.ts";
import { runKedge } from "../support/program.ts";

const publish = ["publish", "x", "--name=a", "--version=1"];
const cases: readonly [args: readonly string[], words: string][] = [
  [["kexec", "--max-age=5x"], 'Cannot read the duration "5x" of --max-age: it is not a duration'],
  [["kexec", "--url=:::"], 'Cannot use the URL ":::" of --url: it is not an http or https URL'],
  [
    ["kexec", "--mirror=:::"],
    'Cannot use the URL ":::" of --mirror: it is not an http or https URL',
  ],
  [["kexec", "--sha256=zz"], 'Cannot use the digest "zz" of --sha256: it has 2 digits'],
  [["kexec", "--connections=0"], 'Cannot use "0" for --connections: it is not a whole number'],
  [["kexec", "--limit-rate=1"], 'Cannot use "1 B" for --limit-rate: it is not a size of at least'],
  [["image:sync", "oci:x", "oci:y", "--also=::"], 'Cannot read the reference "::" of --also: '],
  [
    ["image:sync", "oci:x", "oci:y", "--platform=::"],
    'Cannot read the platform "::" of --platform',
  ],
  [["image:sync", "oci:x", ":::"], 'Cannot read the reference ":::": it begins with none of'],
  [["base-image", "--nix-version=::"], 'Cannot read the version of Nix in "::" of --nix-version'],
  [
    [...publish, "--to=::", "--catalog=sqlite:///c"],
    'Cannot use the store "::" of --to: it is not a store',
  ],
  [[...publish, "--to=::", "--catalog=::"], 'Cannot use the store "::": it is not a store'],
  [
    ["publish:prune", "--catalog=sqlite:///c", "--from=s3://x", "--keep=1"],
    'Cannot prune "s3://x" of --from: only file:// stores are pruned',
  ],
];

for (const [args, words] of cases) {
  Deno.test(`${args.join(" ")} is refused in words that name what was wrong`, async () => {
    await withFolder(async (dir) => {
      const { code, stderr } = await runKedge(args, { cacheDir: `${dir}/cache`, cwd: dir });
      assertEquals(code, 2, stderr);
      assertStringIncludes(stderr, `error: ${words}`);
    });
  });
}
