import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import * as v from "valibot";
import { formatIdentity, ownIdentity } from "../../../lib/base/process_identity.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { cleanCache } from "../../../lib/cache/clean.ts";
import { listEntries } from "../../../lib/cache/list_entries.ts";
import { nameBlob, namedFilePath } from "../../../lib/cache/named_file.ts";
import { pruneCache } from "../../../lib/cache/prune.ts";
import { inFolder } from "../../support/in_folder.ts";

const schema = v.looseObject({ text: v.string() });

function withCache(run: (cache: Cache) => Promise<void>): Promise<void> {
  return inFolder((dir) => run(new Cache(join(dir, "cache"))));
}

async function persist(cache: Cache) {
  return await cache.blobs.persist(new Blob(["contents"]).stream());
}

function entry(cache: Cache, key: string) {
  return cache.entry(buckets.nars, key, schema);
}

async function wholes(cache: Cache): Promise<(string | boolean)[][]> {
  const entries = await listEntries(cache, (why) => {
    throw new Error(why);
  });
  return entries.map(({ key, whole }) => [key, whole]);
}

Deno.test("a forced clean by name leaves the contents of an entry that somebody writes meanwhile", () =>
  withCache(async (cache) => {
    const writer = new Cache(cache.dir);
    {
      using _use = await writer.use();
      const { digest } = await persist(writer);
      await entry(writer, "k").write({ text: "before" }, { refs: [digest] });
      await persist(writer);
      const cleaned = await cleanCache(cache, { names: ["k"], force: true });
      assertEquals(cleaned.keys, ["k"]);
      await entry(writer, "k").write({ text: "after" }, { refs: [digest] });
    }
    assertEquals(await wholes(cache), [["k", true]]);
  }));

Deno.test("a forced clean by name leaves to the next prune what somebody holds, and says the same beforehand", () =>
  withCache(async (cache) => {
    const user = new Cache(cache.dir);
    {
      using _use = await user.use();
      const { digest } = await persist(user);
      await entry(user, "k").write({ text: "k" }, { refs: [digest] });
      const options = { names: ["k"], force: true };
      const { files, bytes } = await cleanCache(cache, { ...options, dryRun: true });
      const cleaned = await cleanCache(cache, options);
      assertEquals([cleaned.files, cleaned.bytes], [files, bytes]);
      assertEquals([cleaned.files, await cache.blobs.has(digest)], [1, true]);
    }
    assertEquals((await pruneCache(cache)).files, 1);
  }));

Deno.test("a forced clean by name, and a forced prune, leave the file under its name of a bundle that somebody holds", () =>
  withCache(async (cache) => {
    const [key, user] = ["https://a/b.tar.gz", new Cache(cache.dir)];
    const path = namedFilePath(cache.dir, key, "b.tar.gz");
    {
      using _use = await user.use();
      const blob = await persist(user);
      await nameBlob(path, blob, (folder) => user.ensure(folder));
      await entry(user, key).write({ text: "k" }, { refs: [blob.digest] });
      const options = { names: [key], force: true };
      const { files } = await cleanCache(cache, { ...options, dryRun: true });
      assertEquals([files, (await cleanCache(cache, options)).files], [1, 1]);
      assertEquals((await pruneCache(cache, { force: true })).files, 0);
      assertEquals(await Deno.readTextFile(path), "contents");
      await entry(user, key).write({ text: "again" }, { refs: [blob.digest] });
      assertEquals((await pruneCache(cache, { force: true })).files, 0);
      await entry(user, key).remove();
    }
    assertEquals((await pruneCache(cache)).plan.items.map(({ kind }) => kind), ["file", "blob"]);
  }));

Deno.test("a dry run of a forced clean by name counts what only this process leases, which then goes", () =>
  withCache(async (cache) => {
    const { digest } = await persist(cache);
    await entry(cache, "k").write({ text: "k" }, { refs: [digest] });
    await cache.leases.take(digest);
    const options = { names: ["k"], force: true };
    const { files, bytes } = await cleanCache(cache, { ...options, dryRun: true });
    const cleaned = await cleanCache(cache, options);
    assertEquals([files, bytes], [cleaned.files, cleaned.bytes]);
    assertEquals([cleaned.files, await cache.blobs.has(digest)], [2, false]);
  }));

Deno.test("a dry run of a forced clean by name leaves what another process leases", () =>
  withCache(async (cache) => {
    const { digest } = await persist(cache);
    await entry(cache, "k").write({ text: "k" }, { refs: [digest] });
    const other = new Deno.Command("sleep", { args: ["300"] }).spawn();
    try {
      const stat = await Deno.readTextFile(`/proc/${other.pid}/stat`);
      const start = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
      const owner = formatIdentity({ ...ownIdentity(), pid: other.pid, start });
      await cache.ensure(cache.leases.dir);
      await Deno.writeTextFile(join(cache.leases.dir, `${owner}-00000000.lease`), `${digest}\n`);
      const options = { names: ["k"], force: true };
      const { files } = await cleanCache(cache, { ...options, dryRun: true });
      const cleaned = await cleanCache(cache, options);
      assertEquals([files, cleaned.files, await cache.blobs.has(digest)], [1, 1, true]);
    } finally {
      other.kill();
      await other.status;
    }
  }));

Deno.test("a cache that holds something of others' can be used again once it was cleaned", () =>
  withCache(async (cache) => {
    await persist(cache);
    const theirs = join(cache.dir, ".stfolder");
    await Deno.writeTextFile(theirs, "theirs");
    assertEquals((await cleanCache(cache, { dryRun: true })).files, 3);
    assertEquals((await cleanCache(cache)).files, 3);
    assertEquals((await cleanCache(cache)).files, 0);
    assertEquals(await Deno.readTextFile(theirs), "theirs");
    const { digest } = await persist(new Cache(cache.dir));
    assertEquals(await cache.blobs.has(digest), true);
  }));
