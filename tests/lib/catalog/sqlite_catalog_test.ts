import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { CatalogConflictError } from "../../../lib/catalog/catalog_conflict_error.ts";
import type { CatalogEntryDraft } from "../../../lib/catalog/catalog_entry.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";

function draft(version: string, more: Partial<CatalogEntryDraft> = {}): CatalogEntryDraft {
  return {
    name: "acme",
    version,
    system: "x86_64-linux",
    storePaths: [`/nix/store/${version}`],
    closure: [],
    closureBytes: 1,
    proofs: [],
    ...more,
  };
}

async function inCatalog(
  work: (catalog: SqliteCatalog, path: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, "catalog.db");
    let now = 0;
    await using catalog = new SqliteCatalog({ path, now: () => now += 1000 });
    await work(catalog, path);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const options = { idempotencyKey: "k" };

Deno.test("SqliteCatalog makes no file until something is committed", () =>
  inCatalog(async (catalog, path) => {
    assertEquals(await catalog.find(draft("1")), undefined);
    assertEquals(await catalog.list(), []);
    assertEquals(await catalog.history("acme"), []);
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  }));

Deno.test("SqliteCatalog.commit() makes the version current and keeps the history", () =>
  inCatalog(async (catalog) => {
    const first = await catalog.commit(draft("1"), options);
    assertEquals([first.id, first.current], ["acme@1/x86_64-linux", true]);
    await catalog.commit(draft("2"), options);
    assertEquals((await catalog.list()).map((entry) => [entry.version, entry.current]), [
      ["2", true],
      ["1", false],
    ]);
    assertEquals((await catalog.history("acme")).map((line) => [line.version, line.action]), [
      ["2", "publish"],
      ["1", "publish"],
    ]);
  }));

Deno.test("SqliteCatalog.commit() of the same paths renews the proofs, one a store", () =>
  inCatalog(async (catalog) => {
    const proof = (store: string, at: string) => ({
      store,
      read: store,
      at,
      depth: "present",
      narInfos: {},
    });
    await catalog.commit(draft("1", { proofs: [proof("a", "1"), proof("b", "1")] }), options);
    const entry = await catalog.commit(draft("1", { proofs: [proof("b", "2")] }), options);
    assertEquals(entry.proofs.map((each) => `${each.store}${each.at}`), ["a1", "b2"]);
    assertEquals((await catalog.history("acme")).length, 1);
  }));

Deno.test("SqliteCatalog.commit() refuses other paths under the same name", () =>
  inCatalog(async (catalog) => {
    await catalog.commit(draft("1"), options);
    await assertRejects(
      () => catalog.commit(draft("1", { storePaths: ["/nix/store/other"] }), options),
      CatalogConflictError,
      'Cannot commit "acme@1/x86_64-linux"',
    );
    await catalog.commit(
      draft("1", { system: "aarch64-linux", storePaths: ["/nix/store/o"] }),
      options,
    );
  }));

Deno.test("SqliteCatalog.point() moves back only what nobody moved meanwhile", () =>
  inCatalog(async (catalog) => {
    await catalog.commit(draft("1"), options);
    await catalog.commit(draft("2"), options);
    assertEquals((await catalog.point(draft("1"), "2")).current, true);
    assertEquals((await catalog.history("acme"))[0]?.action, "rollback");
    await assertRejects(() => catalog.point(draft("2"), "2"), CatalogConflictError, "meanwhile");
    await assertRejects(() => catalog.point(draft("3"), "1"), KedgeError, "has no such entry");
  }));

Deno.test("SqliteCatalog.forget() forgets all or nothing, and never the current one", () =>
  inCatalog(async (catalog) => {
    await catalog.commit(draft("1"), options);
    await catalog.commit(draft("2"), options);
    await assertRejects(() => catalog.forget([draft("1"), draft("2")]), CatalogConflictError);
    assertEquals((await catalog.list()).length, 2);
    await catalog.forget([draft("1")]);
    assertEquals((await catalog.list()).map((entry) => entry.version), ["2"]);
  }));

Deno.test("SqliteCatalog refuses a file that is none, or of a newer kedge", () =>
  inCatalog(async (catalog, path) => {
    await Deno.writeTextFile(path, "this is no database at all, but a longer text");
    await assertRejects(
      () => catalog.list(),
      KedgeError,
      `Cannot read the catalog "sqlite://${path}"`,
    );
    await Deno.remove(path);
    await catalog.commit(draft("1"), options);
    await catalog[Symbol.asyncDispose]();
    const { DatabaseSync } = await import("node:sqlite");
    new DatabaseSync(path).exec("PRAGMA user_version = 99");
    await assertRejects(() => catalog.list(), KedgeError, "by a newer kedge");
  }));

Deno.test("SqliteCatalog takes concurrent writers of several processes one by one", () =>
  inCatalog(async (catalog, path) => {
    const program = `
      import { SqliteCatalog } from ${
      JSON.stringify(import.meta.resolve("../../../lib/catalog/sqlite_catalog.ts"))
    };
      await using catalog = new SqliteCatalog({ path: Deno.args[0] });
      for (let i = 0; i < 10; i++) {
        await catalog.commit({
          name: "acme", version: Deno.args[1] + "." + i, system: "x86_64-linux",
          storePaths: [], closure: [], closureBytes: 0, proofs: [],
        }, { idempotencyKey: "k" });
      }`;
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const outcomes = await Promise.all(["1", "2", "3"].map(async (version) => {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--config", config, "-", path, version],
        stdin: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(program));
      await writer.close();
      return (await child.status).code;
    }));
    assertEquals(outcomes, [0, 0, 0]);
    assertEquals((await catalog.list()).length, 30);
    assertEquals((await catalog.list()).filter((entry) => entry.current).length, 1);
  }));
