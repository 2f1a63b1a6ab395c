/** What comes after a publish, with a catalog that the caller made. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { CatalogWithHistory } from "../../../lib/catalog/catalog.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { publishPrune, publishRollback, publishVerify } from "../../../tasks/publish/after.ts";
import { catalogList, catalogShow } from "../../../tasks/publish/catalog.ts";
import { publish } from "../../../tasks/publish/publish.ts";

/** A catalog of three versions of which each takes two requests, and who closed it. */
async function published(
  work: (
    own: CatalogWithHistory & { closed: number },
    store: string,
    ctx: TaskContextOptions,
  ) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const ctx = { cache: new Cache(join(dir, "cache")) };
    const store = `file://${join(dir, "store")}`;
    class Own extends SqliteCatalog {
      closed = 0;
      override [Symbol.asyncDispose](): Promise<void> {
        this.closed++;
        return super[Symbol.asyncDispose]();
      }
    }
    await using own = new Own({ path: join(dir, "catalog.db") });
    Object.defineProperty(own, "requestsEach", { value: 2 });
    for (const version of ["1", "2", "3"]) {
      await Deno.writeTextFile(join(dir, "file"), version);
      const paths = [join(dir, "file")];
      await publish({ name: "acme", version, paths, stores: [store], catalog: own }, ctx);
    }
    await work(own, store, ctx);
    assertEquals(own.closed, 0, "who made it closes it");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a catalog of one's own is listed, proven again, rolled back and pruned as others are", async () => {
  await published(async (catalog, store, ctx) => {
    const versions = async () =>
      (await catalogList({ catalog }, ctx)).map(({ version, current }) => [version, current]);
    assertEquals(await versions(), [["3", true], ["2", false], ["1", false]]);

    const proven = await publishVerify({ entry: "acme", catalog, depth: "full" }, ctx);
    assertEquals(proven.stores.map(({ broken }) => broken), [0]);

    const back = await publishRollback({ name: "acme", catalog }, ctx);
    assertEquals([back.from, back.id.split("/")[0]], ["3", "acme@2"]);
    const { entry, history } = await catalogShow({ catalog, entry: "acme" }, ctx);
    assertEquals([entry.version, history[0]?.action], ["2", "rollback"]);

    const pruned = await publishPrune({ catalog, stores: [store], keep: 0 }, ctx);
    assertEquals(pruned.stores.map(({ paths }) => paths), [2]);
    assertEquals(await versions(), [["2", true]]);
  });
});

Deno.test("the requests of a catalog of one's own count as it says of itself", async () => {
  await published(async (catalog, _store, ctx) => {
    // One list and one history, of two requests each; the pointer is there already.
    const { requests } = await publishRollback({ name: "acme", version: "3", catalog }, ctx);
    assertEquals(requests, 4);
  });
});

Deno.test("a catalog without a history is refused where one is needed, before anything is asked", async () => {
  const catalog = {
    url: "memory:",
    requestsEach: 0,
    find: () => Promise.reject(new Error("asked")),
    commit: () => Promise.reject(new Error("asked")),
    list: () => Promise.reject(new Error("asked")),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const withHistory = catalog as unknown as CatalogWithHistory;
  const calls = [
    [() => publishRollback({ name: "acme", catalog: withHistory }), "history"],
    [() => publishPrune({ catalog: withHistory, stores: [], keep: 1 }), "forget"],
    [() => catalogShow({ catalog: withHistory, entry: "acme" }), "history"],
  ] as const;
  for (const [call, lacking] of calls) {
    await assertRejects(call, UsageError, `a URI or a catalog of your own with ${lacking}()`);
  }
});
