/** What stands in a partial download, or beside one, in the place of something else: it is begun anew, and nothing elsewhere is written. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../lib/base/digest.ts";
import { KedgeError } from "../../lib/base/errors.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { cacheKexec } from "../../tasks/kexec/kexec.ts";
import { bundleBytes } from "../support/bundle.ts";
import { type OriginFault, startOrigin } from "../support/origin.ts";

const MiB = 1024 * 1024;
const body = bundleBytes({ size: 12 * MiB });
/** Two days on, so that each run that moves something collects what is left too. */
const now = () => Date.now() + 2 * 86_400_000;
const ours = new Uint8Array(body.length).fill(7);

/** Something that is not a file in the place of one; `theirs` is a file outside of the cache. */
const strangers: Record<string, (path: string, theirs: string) => Promise<unknown>> = {
  "a folder": async (path) => {
    await Deno.mkdir(path);
    await Deno.writeTextFile(join(path, "x"), "x");
  },
  "a pipe": (path) => new Deno.Command("mkfifo", { args: [path] }).output(),
  "a link to itself": (path) => Deno.symlink(path, path),
  "a link to a file elsewhere": (path, theirs) => Deno.symlink(theirs, path),
};

interface Ground {
  dir: string;
  /** The partial download. */
  partial: string;
  /** Puts something in the place of what lies at a path. */
  put: (path: string) => Promise<void>;
  run: () => Promise<Uint8Array>;
}

/** A cache with a download that was broken off. */
async function withPartial(
  stranger: (path: string, theirs: string) => Promise<unknown>,
  test: (ground: Ground) => Promise<void>,
): Promise<void> {
  const faults: OriginFault[] = [{ atByte: 0 }, { status: 404, atByte: 8 * MiB }];
  await using origin = startOrigin({ "/k.tar.gz": { body, faults } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-partial-" });
  const dir = join(folder, "cache");
  const theirs = join(folder, "theirs");
  const run = () =>
    cacheKexec({ url: origin.url("/k.tar.gz") }, { cache: new Cache(dir, { now }) });
  try {
    await Deno.writeFile(theirs, ours);
    await assertRejects(run, KedgeError, "404");
    const partials = join(dir, buckets.partials.folder);
    const [{ name }] = await Array.fromAsync(Deno.readDir(partials)) as [Deno.DirEntry];
    await test({
      dir,
      partial: join(partials, name),
      put: async (path) => {
        await Deno.remove(path, { recursive: true }).catch(() => undefined);
        await stranger(path, theirs);
      },
      run: async () => await Deno.readFile((await run()).path),
    });
    assertEquals(sha256(await Deno.readFile(theirs)), sha256(ours));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [what, stranger] of Object.entries(strangers)) {
  for (const name of ["data", "control.json", "finished.json", "owner.lock"]) {
    Deno.test(`a partial download with ${what} in the place of its ${name} is gone on with or begun anew`, () =>
      withPartial(stranger, async ({ partial, put, run }) => {
        await put(join(partial, name));
        assertEquals(sha256(await run()), sha256(body));
      }));
  }

  if (what !== "a folder") {
    Deno.test(`a download is begun anew where ${what} is in the place of the partial one, and leaves nothing`, () =>
      withPartial(stranger, async ({ dir, partial, put, run }) => {
        await put(partial);
        assertEquals(sha256(await run()), sha256(body));
        const left = await Array.fromAsync(Deno.readDir(join(dir, buckets.partials.folder)));
        assertEquals(left.filter(({ isDirectory }) => isDirectory), []);
      }));
  }

  Deno.test(`a cache with ${what} in the place of the stamp of its collection is collected all the same`, () =>
    withPartial(stranger, async ({ dir, put, run }) => {
      await put(join(dir, ".gc-stamp"));
      assertEquals(sha256(await run()), sha256(body));
    }));
}
