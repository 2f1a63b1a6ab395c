/** What is not a base image, in options and on the command line. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { baseImage, type BaseImageOptions } from "../../../tasks/base_image/base_image.ts";
import { runKedge } from "../../support/program.ts";
import { removeTree } from "../../support/remove_tree.ts";

Deno.test("base-image where no Nix is installed asks for the version", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-no-nix-" });
  try {
    const done = await runKedge(["base-image"], { cacheDir: folder, env: { PATH: folder } });
    assertEquals(done.code, 2);
    assertStringIncludes(done.stderr, 'error: Cannot run "nix": it is not installed');
    assertStringIncludes(done.stderr, "hint: name the version without it: --nix-version=2.31.5");
  } finally {
    await removeTree(folder);
  }
});

for (
  const [name, options] of Object.entries({
    repository: { repository: "docker.io/nixos/nix:2.8" },
    platform: { platform: "linux" },
    fallback: { fallback: "not a tag" },
    nixVersion: { nixVersion: "latest" },
    maxAge: { maxAge: -1 },
    to: { to: "podman" },
  })
) {
  Deno.test(`baseImage() refuses a bad ${name}`, async () => {
    await assertRejects(
      () => baseImage({ nixVersion: "2.8.0", ...options }, { dryRun: true }),
      UsageError,
    );
  });
}

Deno.test("baseImage() refuses what is not a text, or no time, of a task file whose types nobody checked", async () => {
  const cases: [object, string][] = [
    [{ nixVersion: 2.31 }, "Cannot use 2.31 as nixVersion: it must be a text"],
    [{ repository: 3 }, "Cannot use 3 as repository: it must be a text"],
    [{ fallback: true }, "Cannot use true as fallback: it must be a text"],
    [{ to: {} }, "Cannot use an object as to: it must be a text"],
    [{ insecureRegistries: "a.dev" }, 'Cannot use "a.dev" as insecureRegistries'],
    [{ maxAge: true }, "Cannot use true as maxAge: it must be a number of milliseconds, or a text"],
    [{ maxAge: -1 }, "Cannot use -1 as maxAge"],
  ];
  for (const [options, message] of cases) {
    await assertRejects(
      () => baseImage({ nixVersion: "2.31.5", ...options } as BaseImageOptions),
      UsageError,
      message,
    );
  }
});
