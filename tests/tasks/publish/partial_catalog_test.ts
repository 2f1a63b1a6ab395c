/** Catalogs of plain JavaScript that can do only a part of what a catalog may. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import type { CatalogWithHistory } from "../../../lib/catalog/catalog.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { publishPrune, publishRollback, publishVerify } from "../../../tasks/publish/after.ts";
import { catalogList, catalogShow } from "../../../tasks/publish/catalog.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { type PlainGround, plainGround } from "../../support/plain_paths.ts";

type Member = Extract<keyof CatalogWithHistory, string>;

/** A catalog with these of its members alone. */
function only(whole: SqliteCatalog, ...members: Member[]): CatalogWithHistory {
  return Object.fromEntries(members.map((name) => {
    const value = whole[name];
    return [name, typeof value === "function" ? value.bind(whole) : value];
  })) as unknown as CatalogWithHistory;
}

const calls: readonly [
  string,
  Member[],
  (
    catalog: CatalogWithHistory,
    ground: PlainGround,
    stores: string[],
  ) => Promise<unknown>,
][] = [
  [
    "publish",
    ["find", "commit"],
    (catalog, { options, ctx }, stores) => publish({ ...options, catalog, stores }, ctx),
  ],
  [
    "publishVerify of a version",
    ["find"],
    (catalog, { ctx }) => publishVerify({ entry: "plain@1.0.0", catalog }, ctx),
  ],
  [
    "publishVerify of the current version",
    ["list"],
    (catalog, { ctx }) => publishVerify({ entry: "plain", catalog }, ctx),
  ],
  ["catalogList", ["list"], (catalog, { ctx }) => catalogList({ catalog }, ctx)],
  [
    "catalogShow",
    ["find", "history"],
    (catalog, { ctx }) => catalogShow({ catalog, entry: "plain@1.0.0" }, ctx),
  ],
  [
    "publishRollback",
    ["list", "history", "point"],
    (catalog, { ctx }) => publishRollback({ name: "plain", version: "1.0.0", catalog }, ctx),
  ],
  [
    "publishPrune",
    ["list", "find", "forget"],
    (catalog, { ctx }, stores) => publishPrune({ catalog, stores, keep: 0 }, ctx),
  ],
];

for (const [name, members, call] of calls) {
  Deno.test(`${name}() takes a catalog that can do what it needs, and names what one lacks`, async () => {
    await using ground = await plainGround(1);
    await using whole = new SqliteCatalog({ path: join(ground.dir, "catalog.db") });
    const stores = [`file://${ground.dir}/store`];
    const published = { ...ground.options, catalog: whole, stores };
    await publish(published, ground.ctx);
    await call(only(whole, "url", ...members), ground, stores);
    for (const lacking of members) {
      const rest = members.filter((each) => each !== lacking);
      await assertRejects(
        () => call(only(whole, "url", ...rest), ground, stores),
        UsageError,
        `Cannot use an object as catalog: it must be a URI or a catalog of your own with ${lacking}()`,
      );
    }
    await assertRejects(
      () => call(only(whole, ...members), ground, stores),
      UsageError,
      "Cannot use an object as catalog: it must be a URI or a catalog of your own with a text as its url",
    );
  });
}

Deno.test("publishPrune() names what one of the other catalogs lacks, and counts no requests of one that tells none", async () => {
  await using ground = await plainGround(2);
  await using main = new SqliteCatalog({ path: join(ground.dir, "catalog.db") });
  await using other = new SqliteCatalog({ path: join(ground.dir, "other.db") });
  const stores = [`file://${ground.dir}/store`];
  for (const catalog of [main, other]) {
    await publish({ ...ground.options, catalog, stores }, ground.ctx);
  }
  const prune = (...members: Member[]) =>
    publishPrune(
      { catalog: main, otherCatalogs: [only(other, ...members)], stores, keep: 0 },
      ground.ctx,
    );
  const must = "as one of otherCatalogs: it must be a URI or a catalog of your own with";
  await assertRejects(() => prune("url", "find"), UsageError, `${must} list()`);
  await assertRejects(() => prune("list"), UsageError, `${must} a text as its url`);
  assertEquals((await prune("url", "list")).requests, 0);
});
