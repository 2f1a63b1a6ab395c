import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../../lib/base/digest.ts";
import { NarBuilder } from "../../../../lib/nix/nar/nar_builder.ts";
import { narPieces } from "../../../../lib/nix/nar/nar_pieces.ts";
import { NarVerifier } from "../../../../lib/nix/nar/nar_verifier.ts";
import { removeTree } from "../../../support/remove_tree.ts";

function narOf(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...narPieces(path)].flatMap((piece) => [...piece]));
}

/** Folders in folders, empty ones, empty files, programs, symlinks, and names that sort by their bytes. */
async function sample(): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(join(folder, "a", "deep", "er"), { recursive: true });
  await Deno.mkdir(join(folder, "empty"));
  await Deno.writeTextFile(join(folder, "a.b"), "after the folder a");
  await Deno.writeTextFile(join(folder, "a", "deep", "none"), "");
  await Deno.writeTextFile(join(folder, "a", "run"), "x".repeat(8 * 1000));
  await Deno.chmod(join(folder, "a", "run"), 0o755);
  await Deno.symlink("../run", join(folder, "a", "deep", "er", "link"));
  for (const name of ["ö", "日本語", "🪵"]) await Deno.writeTextFile(join(folder, name), name);
  // More than what is hashed at once.
  for (let i = 0; i < 30; i++) await Deno.symlink("é".repeat(2000), join(folder, `link-${i}`));
  await Deno.writeTextFile(join(folder, "z"), "last");
  return { folder, [Symbol.asyncDispose]: () => removeTree(folder) };
}

Deno.test("NarBuilder makes the NAR of what a NAR holds", async () => {
  await using made = await sample();
  for (
    const path of [made.folder, join(made.folder, "z"), join(made.folder, "a", "deep", "none")]
  ) {
    const nar = narOf(path);
    for (const step of [nar.length, 100, 1]) {
      const builder = new NarBuilder();
      const verifier = new NarVerifier(builder);
      for (let at = 0; at < nar.length; at += step) verifier.update(nar.subarray(at, at + step));
      verifier.end();
      assertEquals(builder.end(), { narHash: sha256(nar), narSize: nar.length });
    }
  }
});

const outOfOrder: Record<string, (builder: NarBuilder) => void> = {
  "a name before the last one": (builder) => {
    builder.directory("");
    builder.symlink("b", "x");
    builder.symlink("a", "x");
  },
  "a folder that was left": (builder) => {
    builder.directory("");
    builder.directory("a");
    builder.directory("b");
    builder.symlink("a/x", "x");
  },
  "no folder at all": (builder) => builder.symlink("a", "x"),
  "a file that is not whole": (builder) => {
    builder.directory("");
    builder.file("a", false, 5);
    builder.contents(new Uint8Array(4));
  },
  "two roots": (builder) => {
    builder.symlink("", "x");
    builder.symlink("", "x");
  },
  "nothing": () => {},
  "what was given up": (builder) => {
    builder.directory("");
    builder.giveUp();
  },
};

for (const [name, run] of Object.entries(outOfOrder)) {
  Deno.test(`NarBuilder gives no summary of ${name}`, () => {
    const builder = new NarBuilder();
    run(builder);
    assertEquals(builder.end(), undefined);
  });
}
