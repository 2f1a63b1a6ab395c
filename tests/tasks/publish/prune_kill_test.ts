/** A kill -9 before every change that a prune makes: what entries need stays whole, and the same command ends as if it had never been killed. */
import { assert, assertEquals } from "@std/assert";
import { copy } from "@std/fs";
import { basename, fromFileUrl, join } from "@std/path";
import { isTemporaryName } from "../../../lib/base/atomic_file.ts";
import { publishPrune, publishVerify } from "../../../tasks/publish/after.ts";
import { catalogList } from "../../../tasks/publish/catalog.ts";
import { publish } from "../../../tasks/publish/publish.ts";
import { plainGround } from "../../support/plain_paths.ts";
import { publishVersions } from "../../support/published_versions.ts";
import { treeOf } from "../../support/tree.ts";

const program = fromFileUrl(new URL("../../support/killed_prune.ts", import.meta.url));
const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));

/** Runs the prune that kills itself; gives how many changes it made, or `undefined` after the kill. */
async function killed(
  options: Parameters<typeof publishPrune>[0],
  cacheDir: string,
  number: number,
): Promise<number | undefined> {
  const { signal, success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "-A", "--config", config, program],
      ...[JSON.stringify(options), cacheDir, String(number)],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (signal === "SIGKILL") return undefined;
  assert(success, new TextDecoder().decode(stderr));
  return Number(new TextDecoder().decode(stdout));
}

/** All that is in a store, but what may be under way: that goes a day later. */
async function namesOf(store: string): Promise<string[]> {
  const names = [...(await treeOf(store)).keys()];
  return names.filter((name) => !isTemporaryName(basename(name))).sort();
}

Deno.test("a kill -9 before every change of a prune", async () => {
  await using ground = await plainGround(4);
  const { stores, ...published } = await publishVersions(ground, 3);
  const catalog = published.catalog as string;
  const [, , own] = ground.options.paths;
  // A second catalog needs what one of the forgotten versions has.
  const other = `sqlite://${ground.dir}/other.db`;
  await publish({ ...ground.options, catalog: other, paths: [own!], stores }, ground.ctx);
  const [dir, kept] = [join(ground.dir, "store"), join(ground.dir, "kept")];
  const [database, keptDatabase] = [join(ground.dir, "catalog.db"), join(ground.dir, "kept.db")];
  await copy(dir, kept);
  await copy(database, keptDatabase);
  const options = { catalog, otherCatalogs: [other], stores, keep: 0 };
  const cacheDir = join(ground.dir, "cache");
  const all = await killed(options, cacheDir, 0);
  assert(all !== undefined && all > 3);
  const ended = await namesOf(dir);

  for (let number = 1; number <= all; number++) {
    await Deno.remove(dir, { recursive: true });
    await copy(kept, dir);
    for (const suffix of ["-wal", "-shm"]) {
      await Deno.remove(`${database}${suffix}`).catch(() => {});
    }
    await copy(keptDatabase, database, { overwrite: true });
    assertEquals(await killed(options, cacheDir, number), undefined);
    const at = `killed before change ${number} of ${all}`;
    for (const entry of await catalogList({ catalog })) {
      const { id } = entry;
      if (entry.current) await publishVerify({ entry: id, catalog, depth: "full" }, ground.ctx);
    }
    await publishVerify({ entry: "plain", catalog: other, depth: "full" }, ground.ctx);
    await publishPrune(options, ground.ctx);
    assertEquals((await catalogList({ catalog })).length, 1, at);
    assertEquals(await namesOf(dir), ended, at);
    assertEquals((await publishPrune(options, ground.ctx)).changed, false, at);
  }
});
