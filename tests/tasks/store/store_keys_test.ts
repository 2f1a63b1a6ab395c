/** Keys hold where they are asked for, or are refused: nobody must take for signed what no key was asked of. */
import { assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { exportStore, importStore } from "../../../tasks/store/copy_store.ts";
import { inFolder } from "../../support/in_folder.ts";

Deno.test("importStore() refuses public keys where a Nix is asked, of which no signature is read", () =>
  inFolder(async (dir) => {
    const from = `local?root=${join(dir, "host")}`;
    await assertRejects(
      () =>
        importStore({
          from,
          to: { folder: join(dir, "nix") },
          paths: ["/nix/store/37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-acme"],
          publicKeys: ["other:hTSOHsWPYjlR96MjxdKXtYyCPLylva2tvgAOqcBWPBs="],
          nix: { program: join(dir, "none") },
        }, { cache: new Cache(join(dir, "cache")) }),
      UsageError,
      `Cannot use public keys with "${from}"`,
    );
  }));

Deno.test("exportStore() refuses a signing key where a Nix takes the paths, to which nobody signs them", () =>
  inFolder(async (dir) => {
    const to = `local?root=${join(dir, "host")}`;
    await assertRejects(
      () =>
        exportStore({
          from: { folder: join(dir, "nix") },
          to,
          signingKey: { file: join(dir, "none") },
        }, { cache: new Cache(join(dir, "cache")) }),
      UsageError,
      `Cannot use a signing key with "${to}"`,
    );
  }));
