import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { inFolder } from "../../support/in_folder.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

const args = ["base-image", "--nix-version=2.8.0", "--repository=127.0.0.1:1/nixos/nix"];

realTest(
  "a lockfile that this user may not read is told as that, and stays as it is",
  ["bound"],
  () =>
    inFolder(async (folder) => {
      const path = join(folder, "kedge.lock");
      await Deno.writeTextFile(path, "{}", { mode: 0o200 });
      const options = { cacheDir: join(folder, "cache"), bound: true };
      const { code, stderr } = await runKedge([...args, "--lock", path], options);
      assertEquals(code, 5, stderr);
      const state = `error: Cannot read the lockfile "${path}": Permission denied (os error 13): `;
      assertStringIncludes(stderr, state);
      assertStringIncludes(stderr, "\nhint: this user must be allowed to read it\n");
    }),
);

for (const CI of ["", "true"]) {
  Deno.test(`a lockfile that Deno may not read is told as that: CI=${CI}`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "kedge.lock");
      await Deno.writeTextFile(path, "{}");
      const options = { cacheDir: join(folder, "cache"), denyRead: path, env: { CI } };
      const { code, stderr } = await runKedge([...args, "--lock", path], options);
      assertEquals(code, 5, stderr);
      const state = `error: Cannot read the lockfile "${path}": Requires read access`;
      assertStringIncludes(stderr, state);
      assertEquals(stderr.includes("restore it"), false, stderr);
    }));
}
