/** A catalog of one's own that keeps other proofs than those that it is given. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { CatalogEntry } from "../../../lib/catalog/catalog_entry.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { plainGround } from "../../support/plain_paths.ts";

/** Keeps the proofs of so many stores. */
class Forgetful extends SqliteCatalog {
  kept = 0;

  override async find(...args: Parameters<SqliteCatalog["find"]>) {
    const entry = await super.find(...args);
    return entry && this.#cut(entry);
  }

  override async commit(...args: Parameters<SqliteCatalog["commit"]>) {
    return this.#cut(await super.commit(...args));
  }

  #cut(entry: CatalogEntry): CatalogEntry {
    return { ...entry, proofs: entry.proofs.slice(0, this.kept) };
  }
}

for (const [kept, forgets] of [[0, false], [1, true], [2, false]] as const) {
  Deno.test(`publish() ${forgets ? "tells" : "does not tell"} that a catalog forgets stores where it keeps the proofs of ${kept} of two`, async () => {
    await using ground = await plainGround(1);
    await using catalog = new Forgetful({ path: join(ground.dir, "catalog.db") });
    catalog.kept = kept;
    const stores = ["a", "b"].map((name) => `file://${ground.dir}/${name}`);
    const run = async () => {
      const warnings: string[] = [];
      const report = (event: OperationEvent) => {
        if (event.type === "note" && event.level === "warning") warnings.push(event.message);
      };
      const { changed } = await publish(
        { ...ground.options, catalog, stores },
        { ...ground.ctx, report },
      );
      return { changed, warnings };
    };
    const warnings = forgets
      ? [
        `"${catalog.url}" did not keep that "plain@1.0.0/x86_64-linux" is in "${
          stores[1]
        }": the next publish there commits it again`,
      ]
      : [];
    assertEquals(await run(), { changed: true, warnings });
    assertEquals(await run(), { changed: forgets, warnings });
  });
}
