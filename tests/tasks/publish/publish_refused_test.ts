/** What is not published, and what is said of it. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { CatalogConflictError } from "../../../lib/catalog/catalog_conflict_error.ts";
import { publish, type PublishOptions } from "../../../tasks/publish/publish.ts";
import { realTest } from "../../support/real.ts";
import { filesOf, publishing } from "../../support/publishing.ts";

realTest("publish() refuses another build under a name that is taken", ["nix"], async () => {
  await using ground = await publishing();
  const { options, ctx, built } = ground;
  await publish(options, ctx);
  for (const dryRun of [true, false]) {
    await assertRejects(
      () => publish({ ...options, paths: [built["left"]!] }, { ...ctx, dryRun }),
      CatalogConflictError,
      "it already exists with other store paths",
    );
  }
});

realTest("publish() refuses a missing store path", ["nix"], async () => {
  await using ground = await publishing();
  const { options, ctx, world } = ground;
  const path = `${world.storeDir}/${"a".repeat(32)}-gone`;
  await assertRejects(
    () => publish({ ...options, paths: [path] }, ctx),
    KedgeError,
    `Cannot copy "${path}": it is not in the Nix store`,
  );
});

Deno.test("publish() refuses bad names, keys, stores and options before anything moves", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(dir, "file"), "x");
    await Deno.writeTextFile(join(dir, "bad-key"), "no key at all");
    const options: PublishOptions = {
      name: "x",
      version: "1",
      paths: [join(dir, "file")],
      stores: [`file://${dir}/store`],
      catalog: `sqlite://${dir}/c.db`,
    };
    const ctx = { cache: new Cache(join(dir, "cache")) };
    const refused: [Partial<PublishOptions>, string][] = [
      [{ name: "../x" }, "Cannot publish with the name"],
      [{ version: "" }, "Cannot publish with the version"],
      [{ system: "linux" }, "Cannot publish for the system"],
      [{ paths: [] }, "paths is empty"],
      [{ paths: [join(dir, "gone")] }, "there is no such file or folder"],
      [{ stores: [] }, "stores is empty"],
      [{ stores: ["nonsense"] }, "it is not a store"],
      [{ stores: [`file://${dir}/s?color=red`] }, `its parameter "color" is not known`],
      [{ stores: [`file://${dir}/s`, `file://${dir}/s/`] }, "it is named two times"],
      [{ stores: [`file://${dir}/s?compression=xz`] }, "NARs are packed once"],
      [{ stores: [`file://${dir}/s?compression-level=9`] }, 'the compression-level "9": NARs are'],
      [{ stores: ["file:cache"] }, "its folder is relative"],
      [{ catalog: "mongodb://x" }, "it is of no known kind"],
      [{ catalog: `sqlite://${dir}/c.db?mode=ro` }, "a file takes no parameters"],
      [{ catalog: `sqlite://${dir}/c.db#2` }, "it has a part behind #"],
      [{ catalog: "https://me:100%@c.dev" }, "it is wrongly encoded"],
      [{ level: 42 }, "at the level 42"],
      [{ signingKey: { file: join(dir, "bad-key") } }, "it is not a secret key of Nix"],
      [{ signingKey: { file: join(dir, "no-key") } }, "Cannot read the secret file"],
    ];
    for (const [more, message] of refused) {
      await assertRejects(() => publish({ ...options, ...more }, ctx), UsageError, message);
    }
    const made = (await filesOf(dir)).filter((name) => !name.startsWith("cache/journal"));
    assertEquals(made, ["bad-key", "file"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
