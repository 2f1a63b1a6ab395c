import { assert, assertEquals, assertRejects } from "@std/assert";
import { Cache } from "../../../lib/cache/cache.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { commonRows } from "../../../lib/chunk/common_rows.ts";
import { JobPool } from "../../../lib/chunk/job_pool.ts";
import { fileState, keepTable, rememberFile } from "../../../lib/disk/known_files.ts";
import { ProofAhead } from "../../../lib/disk/proof_ahead.ts";
import { join, noise, tableOf } from "../../support/disk.ts";
import { inFolder } from "../../support/in_folder.ts";

const chunker = chunkerFor("fixed", 0, 65_536);
const blank = new Uint8Array(65_536 * 3);
/** 40 blocks of noise, three blank ones, and 40 blocks of other noise. */
const first = join(noise(65_536 * 40), blank, noise(65_536 * 40, 2));

/** A file that the cache takes for `first`, whatever its bytes are. */
async function knownAs(folder: string, bytes: Uint8Array): Promise<{ path: string; cache: Cache }> {
  const path = `${folder}/disk`;
  await Deno.writeFile(path, bytes);
  const cache = new Cache(`${folder}/cache`);
  const state = { ...fileState(await Deno.stat(path)), certain: false };
  await rememberFile(cache, path, await keepTable(cache, tableOf(first, chunker)), state);
  return { path, cache };
}

const { signal } = new AbortController();

Deno.test("a ProofAhead tells which rows of another disk a file holds, by their bytes and not by what is known", async () => {
  await inFolder(async (folder) => {
    const spoiled = first.slice();
    spoiled[65_536 * 2 + 5]! ^= 1;
    spoiled[65_536 * 41] = 1;
    const { path, cache } = await knownAs(folder, spoiled);
    const second = first.slice();
    second.set(noise(65_536, 77), 65_536 * 60);
    const disk = tableOf(join(second, blank), chunker);
    using pool = new JobPool({ workers: 1 });
    const ahead = await ProofAhead.begin(path, { cache, pool, signal });
    const wanted = new Uint8Array(disk.rows.length).fill(1);
    wanted[7] = 0;
    let bytes = 0;
    const rows = await ahead!.rows(disk, wanted, {
      signal,
      onProof: (_, standing) => bytes += standing,
    });
    // Block 2 was spoiled, block 7 is not asked for, the hole is none, block 60 is another; the hole beyond the end has no bytes yet.
    const lacking = [...rows.keys()].filter((row) => rows[row] === 0);
    assertEquals(lacking.map((row) => disk.rowOffsets[row]! / 65_536), [2, 7, 40, 60]);
    assertEquals(bytes, 65_536 * 77);
  });
});

Deno.test("a ProofAhead finds a hole sound of which only what lies beside it was written meanwhile", async () => {
  await inFolder(async (folder) => {
    // The disk that comes keeps the first of three blank blocks and the last; the pull has written the one between them already.
    const second = first.slice();
    second.set(noise(65_536, 77), 65_536 * 41);
    const spoiled = second.slice();
    spoiled[65_536 * 42 + 9] = 1;
    for (const [bytes, lacking] of [[second, []], [spoiled, [42]]] as const) {
      const { path, cache } = await knownAs(folder, bytes);
      const disk = tableOf(second, chunker);
      using pool = new JobPool({ workers: 1 });
      const ahead = await ProofAhead.begin(path, { cache, pool, signal });
      const wanted = commonRows(disk, tableOf(first, chunker));
      const rows = await ahead!.rows(disk, wanted, { signal, onProof: () => {} });
      const missing = [...rows.keys()].filter((row) => wanted[row] === 1 && rows[row] === 0);
      assertEquals(missing.map((row) => disk.rowOffsets[row]! / 65_536), [...lacking]);
    }
  });
});

Deno.test("a ProofAhead that was stopped holds nothing, and does not begin with a file that changed", async () => {
  await inFolder(async (folder) => {
    const { path, cache } = await knownAs(folder, first);
    using pool = new JobPool({ workers: 1 });
    const ahead = await ProofAhead.begin(path, { cache, pool, signal });
    ahead!.stop();
    const { table } = ahead!.known;
    const wanted = new Uint8Array(table.rows.length).fill(1);
    assert(
      (await ahead!.rows(table, wanted, { signal, onProof: () => {} })).every((row) => row === 0),
    );
    await Deno.writeFile(path, new Uint8Array(10));
    assertEquals(await ProofAhead.begin(path, { cache, pool, signal }), undefined);
  });
});

Deno.test("a ProofAhead tells whoever asks that the file could not be read", async () => {
  await inFolder(async (folder) => {
    const { path, cache } = await knownAs(folder, first);
    using pool = new JobPool({ workers: 1 });
    const ahead = await ProofAhead.begin(path, { cache, pool, signal });
    pool[Symbol.dispose]();
    const { table } = ahead!.known;
    const wanted = new Uint8Array(table.rows.length).fill(1);
    await assertRejects(
      () => ahead!.rows(table, wanted, { signal, onProof: () => {} }),
      Error,
      "the pool was closed",
    );
  });
});
