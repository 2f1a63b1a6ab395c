/** What origins, mirrors and tiers say of a file while it changes, or while they say the wrong thing. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { Cache, type CacheOptions } from "../../../lib/cache/cache.ts";
import type { Tier } from "../../../lib/cache/tier.ts";
import { cacheKexec, type CacheKexecOptions } from "../../../tasks/kexec/kexec.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { inFolder } from "../../support/in_folder.ts";
import { type Origin, type OriginFile, startOrigin } from "../../support/origin.ts";

const body = bundleBytes();
const newer = bundleBytes({ version: "2" });
const quick = { retry: { retries: 1, baseMs: 1, ceilingMs: 2 } };

/** A file of which its server says the digest, and for how many seconds it holds. */
function stating(bytes: Uint8Array, maxAge = 0, of = bytes): OriginFile {
  const checksum = sha256(of).slice("sha256:".length);
  const headers = { "x-checksum-sha256": checksum, "cache-control": `max-age=${maxAge}` };
  return { body: bytes, headers };
}

/** A tier that gives this for every digest. */
function tierThat(
  gives: () => { contents: Uint8Array<ArrayBuffer>; size?: number },
  opened: string[] = [],
): Tier {
  return {
    label: "the tier",
    find: () => Promise.resolve(undefined),
    open: (digest) => {
      opened.push(digest);
      const { contents, size = contents.length } = gives();
      return Promise.resolve({ stream: new Blob([contents]).stream(), size });
    },
    put: () => Promise.resolve(),
  };
}

function fetching(
  file: OriginFile,
  test: (bench: {
    origin: Origin;
    notes: string[];
    run: (
      options?: CacheKexecOptions,
      cacheOptions?: CacheOptions,
    ) => ReturnType<typeof cacheKexec>;
  }) => Promise<void>,
): Promise<void> {
  return inFolder(async (folder) => {
    await using origin = startOrigin({ "/k.tar.gz": file });
    const notes: string[] = [];
    const run = (options: CacheKexecOptions = {}, cacheOptions: CacheOptions = {}) =>
      cacheKexec({ url: origin.url("/k.tar.gz"), ...quick, ...options }, {
        cache: new Cache(join(folder, "cache"), cacheOptions),
        report: (event) => event.type === "note" && notes.push(event.message),
      });
    await test({ origin, notes, run });
  });
}

Deno.test("a tier that says more bytes than there is room for is overruled by the origin", () =>
  fetching({ body }, async ({ run, notes }) => {
    const tier = tierThat(() => ({ contents: body, size: 2 ** 52 }));
    const result = await run({ sha256: sha256(body) }, { tier });
    assertEquals(await Deno.readFile(result.path), body);
    assertStringIncludes(notes.join("\n"), "the tier is of no use: Cannot write 4 PiB");
  }));

for (const ranges of ["honour", "ignore"] as const) {
  Deno.test(`a file that changes while it comes is held against what its origin says then, ranges: ${ranges}`, () =>
    fetching(
      { ...stating(body), ranges, faults: [{ cutAfter: 1000 }] },
      async ({ origin, run }) => {
        origin.files.get("/k.tar.gz")!.before = () => {
          if (origin.requests.length > 1) origin.files.set("/k.tar.gz", stating(newer));
        };
        const result = await run();
        assertEquals(await Deno.readFile(result.path), newer);
      },
    ));
}

Deno.test("a file that changes while a tier gives wrong bytes is as fresh as its origin says then", () =>
  fetching(stating(body, 1000), async ({ origin, run }) => {
    const tier = tierThat(() => {
      origin.files.set("/k.tar.gz", stating(newer));
      return { contents: new Uint8Array(body.length) };
    });
    assertEquals((await run({}, { tier })).digest, sha256(newer));
    const again = await run({ maxAge: "origin" }, { now: () => Date.now() + 10_000 });
    assertStringIncludes(again.why, "the origin answered 304");
  }));

Deno.test("what a mirror says of its own digest proves nothing", () =>
  fetching({ body, faults: [{ status: 404 }] }, async ({ origin, run }) => {
    origin.files.set("/mirror", stating(body, 0, newer));
    assertEquals((await run({ mirrors: [origin.url("/mirror")] })).digest, sha256(body));
  }));

Deno.test("what the origin said of its digest holds for the mirror that goes on", () =>
  fetching(
    { ...stating(body), faults: [{ cutAfter: 1000 }, { status: 404 }] },
    async ({ origin, run }) => {
      origin.files.set("/mirror", stating(newer));
      const mirrors = [origin.url("/mirror")];
      await assertRejects(() => run({ mirrors }), VerificationError, `${sha256(body)} was`);
    },
  ));

Deno.test("a tier is not asked for what the origin says where its release says something else", () =>
  fetching({ body }, async ({ origin, run }) => {
    const path = "/acme/images/releases/download/v1/k.tar.gz";
    const text = JSON.stringify({ assets: [{ name: "k.tar.gz", digest: sha256(newer) }] });
    origin.files.set("/repos/acme/images/releases/tags/v1", {
      body: new TextEncoder().encode(text),
    });
    origin.files.set(path, stating(body));
    const opened: string[] = [];
    const tier = tierThat(() => ({ contents: body }), opened);
    const options = { url: origin.url(path), releaseApi: origin.url("") };
    await assertRejects(() => run(options, { tier }), VerificationError, `${sha256(newer)} was`);
    assertEquals(opened, []);
  }));
