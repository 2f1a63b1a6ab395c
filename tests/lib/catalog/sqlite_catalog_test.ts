import { assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { dirname, join } from "@std/path";
import { KedgeError, UsageError, VerificationError } from "../../../lib/base/errors.ts";
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
  parent?: string,
): Promise<void> {
  const dir = await Deno.makeTempDir(parent === undefined ? {} : { dir: parent });
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

Deno.test("SqliteCatalog refuses a file of a newer kedge", () =>
  inCatalog(async (catalog, path) => {
    await catalog.commit(draft("1"), options);
    await catalog[Symbol.asyncDispose]();
    using database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99");
    const error = await assertRejects(() => catalog.list(), KedgeError, "by a newer kedge");
    assertEquals(error.hint, "update kedge");
  }));

async function foreignDatabase(path: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  using database = new DatabaseSync(path);
  database.exec("CREATE TABLE photos (name TEXT)");
}

for (
  const { where, below = "", make, state } of [
    {
      where: "is garbage",
      make: (path: string) => Deno.writeTextFile(path, "this is not a database, but a longer text"),
      state: () => "it is not a database",
    },
    {
      where: "is a database of another program",
      make: foreignDatabase,
      state: () => "it is a database of another program",
    },
    {
      where: "is a folder",
      make: (path: string) => Deno.mkdir(path),
      state: () => "it is a folder",
    },
    {
      where: "lies below a file",
      below: "/deep/catalog.db",
      make: (path: string) => Deno.writeTextFile(path, ""),
      state: (path: string) => `"${path}" is not a folder`,
    },
    {
      where: "lies below a link to nothing",
      below: "/catalog.db",
      make: (path: string) => Deno.symlink("nowhere", path),
      state: (path: string) => `"${path}" is not a folder`,
    },
  ]
) {
  Deno.test(`SqliteCatalog refuses a file that ${where}, and leaves it as it is`, () =>
    inCatalog(async (_catalog, place) => {
      await make(place);
      const before = await Deno.lstat(place);
      const path = `${place}${below}`;
      await using catalog = new SqliteCatalog({ path });
      for (
        const [action, work] of [
          ["read", () => catalog.list()],
          ["write", () => catalog.commit(draft("1"), options)],
        ] as const
      ) {
        const error = await assertRejects(work, UsageError);
        assertEquals(
          error.message,
          `Cannot ${action} the catalog "sqlite://${path}": ${state(place)}`,
        );
        assertEquals(error.hint, "name another file; a publish makes it where it is not there");
      }
      assertEquals((await Deno.lstat(place)).size, before.size);
    }));
}

Deno.test("SqliteCatalog says of a damaged file that it is damaged", () =>
  inCatalog(async (catalog, path) => {
    await catalog.commit(draft("1"), options);
    await catalog[Symbol.asyncDispose]();
    using file = await Deno.open(path, { write: true });
    // The first page is sound, all that it leads to is not.
    await file.seek(4096, Deno.SeekMode.Start);
    await file.write(new Uint8Array((await file.stat()).size - 4096).fill(0xff));
    const error = await assertRejects(() => catalog.list(), VerificationError);
    assertEquals(
      error.message,
      `Cannot read the catalog "sqlite://${path}": its database is damaged`,
    );
  }));

/** In memory, where that is a folder: a writer waits for the others only so long, and a slow disk would use that up. */
const memory = await Deno.stat("/dev/shm").then(() => "/dev/shm", () => undefined);

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
  }, memory));

Deno.test("SqliteCatalog.foresee() waits for no writer, and leaves the file as it is", () =>
  inCatalog(async (catalog, path) => {
    await catalog.commit(draft("1"), options);
    const state = async () => {
      const [bytes, { mtime }] = await Promise.all([Deno.readFile(path), Deno.stat(path)]);
      return { bytes, mtime, names: await Array.fromAsync(Deno.readDir(dirname(path))) };
    };
    const before = await state();
    await catalog.foresee();
    using other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    await catalog.foresee();
    assertEquals(await state(), before);
    other.exec("ROLLBACK");
    await catalog.commit(draft("2"), options);
  }));

Deno.test("SqliteCatalog.list() goes by the order of the first commits, whatever the clocks of those who committed said", () =>
  inCatalog(async (_, path) => {
    for (const [version, at] of [["1", 3000], ["2", 1000], ["3", 2000], ["1", 4000]] as const) {
      await using catalog = new SqliteCatalog({ path, now: () => at });
      await catalog.commit(draft(version), options);
    }
    await using catalog = new SqliteCatalog({ path });
    assertEquals((await catalog.list()).map(({ version }) => version), ["3", "2", "1"]);
  }));
