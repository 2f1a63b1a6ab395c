import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import * as v from "valibot";
import { type Digest, sha256 } from "../../../lib/base/digest.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { cacheList, cacheWhy } from "../../../tasks/cache/cache.ts";
import { put, withCache } from "../../support/cache_ground.ts";
import { runKedge } from "../../support/program.ts";

/** Two texts whose digests begin with the same six hexadecimal digits, and not with seven. */
function twins(): [string, string] {
  const seen = new Map<string, string>();
  for (let number = 0;; number++) {
    const text = `text ${number}`;
    const hex = sha256(text).slice(7);
    const other = seen.get(hex.slice(0, 6));
    if (other !== undefined && sha256(other)[13] !== hex[6]) return [other, text];
    seen.set(hex.slice(0, 6), text);
  }
}

const keysOf = (found: readonly { key: string }[]) => found.map(({ key }) => key).toSorted();
const refusal = (cache: Cache, name: string) =>
  assertRejects(() => cacheWhy(name, { cache }), KedgeError);

Deno.test("cache:why takes the first six digits of a digest or more, with sha256: or without, in either case", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "https://a/one", "same");
    await put(cache, "https://b/two", "same");
    await put(cache, "https://c/three", "other");
    const both = ["https://a/one", "https://b/two"];
    const hex = digest.slice(7);
    for (
      const name of [
        digest,
        hex,
        hex.slice(0, 6),
        `sha256:${hex.slice(0, 6)}`,
        hex.slice(0, 63),
        hex.slice(0, 8).toUpperCase(),
      ]
    ) assertEquals(keysOf(await cacheWhy(name, { cache })), both, name);
    const { message, hint } = await refusal(cache, hex.slice(0, 5));
    assertStringIncludes(message, "no entry of that name");
    assertStringIncludes(hint!, "6 hexadecimal digits");
  }));

Deno.test("cache:why lists the candidates of a shortened digest that several begin with", () =>
  withCache(async (cache) => {
    const [one, two] = twins();
    const first = await put(cache, "https://a/one", one);
    await put(cache, "https://a/again", one);
    const { digest: second } = await cache.blobs.persist(new Blob([two]).stream());
    const short = first.slice(7, 13);
    const { message, hint, data } = await refusal(cache, short);
    assertEquals(message, `Cannot explain "${short}": 2 digests begin with it`);
    assertStringIncludes(hint!, `${first} (of https://a/`);
    assertStringIncludes(hint!, "and 1 more)");
    assertStringIncludes(hint!, `${second} (of no entry)`);
    const candidates = data["candidates"] as { digest: Digest; keys: string[] }[];
    assertEquals(candidates.map(({ digest }) => digest), [first, second].toSorted());
    assertEquals((await cacheWhy(first.slice(7, 14), { cache })).length, 2);
    const { code, stderr } = await runKedge(["cache:why", short], { cacheDir: cache.dir });
    assertEquals(code, 1);
    for (const digest of [first, second]) assertStringIncludes(stderr, digest);
  }));

Deno.test("cache:why takes hexadecimal digits in a key for the key where several digests begin with them", () =>
  withCache(async (cache) => {
    const [one, two] = twins();
    const short = sha256(one).slice(7, 13);
    await put(cache, "https://a/one", one);
    await put(cache, "https://a/two", two);
    await put(cache, `https://a/nightly-${short}.tar.gz`, "three");
    const [found, ...others] = await cacheWhy(short, { cache });
    assertEquals([found?.key, others], [`https://a/nightly-${short}.tar.gz`, []]);
  }));

Deno.test("cache:why says of contents without an entry that nothing refers to them", () =>
  withCache(async (cache) => {
    const { digest } = await cache.blobs.persist(new Blob(["orphan"]).stream());
    const { message, hint } = await refusal(cache, digest.slice(7, 19));
    assertStringIncludes(message, `no entry refers to ${digest}`);
    assertStringIncludes(hint!, "cache:prune");
  }));

Deno.test("cache:why names what is near to a name that nothing has", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "https://a/kexec-x86.tar.gz", "one");
    const cases = {
      "https://a/kexec-x68.tar.gz": "https://a/kexec-x86.tar.gz",
      "KEXEC-X86.tar.gz": "https://a/kexec-x86.tar.gz",
      [`${digest.slice(0, 20)}x${digest.slice(21, 40)}`]: digest,
    };
    for (const [name, near] of Object.entries(cases)) {
      const { hint, data } = await refusal(cache, name);
      assertEquals([hint, data["near"]], [`near to it is ${near}`, [near]], name);
    }
    const { hint, data } = await refusal(cache, "ffffffffffff");
    assertEquals([hint, data["near"]], ["cache:ls lists what is there", []]);
  }));

Deno.test("cache:why and cache:ls see the entries of the layer below, but those that the cache has itself", () =>
  withCache(async (below, folder) => {
    const digest = await put(below, "https://a/one", "below");
    await put(below, "https://a/both", "old");
    const cache = new Cache(join(folder, "above"), { lower: below.dir });
    await put(cache, "https://a/both", "new");
    const seen = (found: readonly { key: string; lower: boolean }[]) =>
      found.map(({ key, lower }) => [key, lower]).toSorted();
    const both = [["https://a/both", false], ["https://a/one", true]];
    assertEquals(seen(await cacheWhy("https://a", { cache })), both);
    assertEquals(seen(await cacheList({ cache })), both);
    const [found] = await cacheWhy(digest.slice(7, 17), { cache });
    assertEquals(found?.refs, [{ digest, alsoOf: [], size: 5 }]);
    const run = (command: string[]) =>
      runKedge(command, { cacheDir: cache.dir, env: { KEDGE_CACHE_LOWER: below.dir } });
    assertStringIncludes((await run(["cache:why", "a/one"])).stdout, "kexec-v1 of the layer below");
    assertStringIncludes((await run(["cache:ls"])).stdout, "a/one  (in the layer below)");
  }));

Deno.test("cache:why tells each digest of an entry once, and each other entry that has it", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "https://a/one", "same");
    for (const bucket of [buckets.kexec, buckets.nars]) {
      await cache.entry(bucket, "https://b/two", v.looseObject({}))
        .write({ digest }, { refs: [digest, digest], by: "kexec" });
    }
    const [one] = await cacheWhy("https://a/one", { cache });
    assertEquals(one!.refs, [{ digest, alsoOf: ["https://b/two"], size: 4 }]);
    const two = await cacheWhy("https://b/two", { cache });
    assertEquals(two.map(({ refs }) => refs), [
      [{ digest, alsoOf: ["https://a/one"], size: 4 }],
      [{ digest, alsoOf: ["https://a/one"], size: 4 }],
    ]);
  }));

Deno.test("cache:ls lists entries, the last used first, and says which are not whole", () =>
  withCache(async (cache) => {
    const gone = await put(cache, "https://a/old", "1".repeat(2048), 2);
    await put(cache, "https://a/new", "2".repeat(1024), 1);
    await cache.blobs.remove(gone);
    const entries = await cacheList({ cache });
    assertEquals(entries.map(({ key, bytes, whole }) => [key, bytes, whole]), [
      ["https://a/new", 1024, true],
      ["https://a/old", 0, false],
    ]);
    const { stdout } = await runKedge(["cache:ls"], { cacheDir: cache.dir });
    assertEquals(stdout.trim().split("\n").length, 2);
    assertStringIncludes(stdout, "1 KiB  kexec-v1  https://a/new");
  }));

Deno.test("cache:why tells who put an entry there, with which validators, and who shares its blob", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "https://a/one", "same");
    await put(cache, "https://b/two", "same");
    const [found, ...others] = await cacheWhy("https://a/one", { cache });
    assertEquals(others, []);
    assertEquals([found?.by, found?.bucket], ["kexec", "kexec-v1"]);
    assertEquals(found?.value, { digest, etag: '"e"' });
    assertEquals(found?.refs, [{ digest, alsoOf: ["https://b/two"], size: 4 }]);
    assertEquals((await cacheWhy(digest.slice(7, 17), { cache })).length, 2);
    await assertRejects(() => cacheWhy("nothing", { cache }), KedgeError, "no entry of that name");
    const { stdout } = await runKedge(["cache:why", "a/one"], { cacheDir: cache.dir });
    assertStringIncludes(stdout, "as does https://b/two");
    const previous = [{ digest, size: 4, fetched: "2026-01-01T00:00:00.000Z" }];
    const fields = { digest, checkedMs: 1_750_000_000_000, freshMs: 600_000, previous };
    await cache.entry(buckets.kexec, "https://c/three", v.looseObject({})).write(fields);
    const three = await runKedge(["cache:why", "c/three"], { cacheDir: cache.dir });
    assertStringIncludes(three.stdout, "  checked   2025-06-15T15:06:40.000Z\n  fresh     10m");
    assertStringIncludes(three.stdout, `  previous  ${JSON.stringify(previous)}`);
    await cache.entry(buckets.kexec, "https://c/five", v.looseObject({})).write({
      digest,
      mustRevalidate: false,
    });
    const five = await runKedge(["cache:why", "c/five"], { cacheDir: cache.dir });
    assertStringIncludes(
      five.stdout,
      `  digest         ${digest}\n  mustRevalidate false\n`,
    );
    const odd = cache.entry(buckets.kexec, "https://d/four", v.any());
    for (const value of [null, "a text", [1, { a: 2 }]]) {
      await odd.write(value);
      const four = await runKedge(["cache:why", "d/four"], { cacheDir: cache.dir });
      assertEquals([four.code, four.stderr], [0, ""]);
    }
  }));
