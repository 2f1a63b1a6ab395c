import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { danglingImports, importsOf, layOut, releaseImports } from "../../scripts/release.ts";

Deno.test("releaseImports() leads @std and dax to JSR and drops the doorways", () => {
  const map = releaseImports({
    "@david/dax": "npm:dax@^0.49.0",
    "@kedge/kedge": "./mod.ts",
    "@std/fs": "./lib/std/fs.ts",
    "@std/fs/ensure-dir": "./lib/std/ensure_dir.ts",
    "deno-std/": "npm:/deno-std@1.3.0/",
    "valibot": "npm:valibot@^1.5.0",
  });
  assertEquals(map, {
    "@david/dax": "jsr:@david/dax@^0.49.0",
    "@std/fs": "jsr:@std/fs@^1",
    "@std/fs/ensure-dir": "jsr:@std/fs@^1/ensure-dir",
    "valibot": "npm:valibot@^1.5.0",
  });
});

Deno.test("importsOf() finds static, deferred, re-exported and dynamic imports, and none in comments", () => {
  const source = `/** import { no } from "comment"; */
// import "line";
import defer * as crypto from "node:crypto";
import type { A } from "./a.ts";
import "./effect.ts";
export {
  b,
} from "@std/fs";
export const name = "no";
export const later = () => import("./later.ts");
`;
  assertEquals(importsOf(source), [
    "node:crypto",
    "./a.ts",
    "./effect.ts",
    "@std/fs",
    "./later.ts",
  ]);
});

Deno.test("layOut() makes a package whose every import leads somewhere", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await layOut(folder);
    assertEquals(await danglingImports(folder), []);
    await Deno.writeTextFile(join(folder, "lib", "lost.ts"), 'import "@std/nowhere";\n');
    assertEquals(await danglingImports(folder), ["lib/lost.ts: @std/nowhere"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
