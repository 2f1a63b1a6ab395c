/** Indexes of which one number is another than it should be: a pull of one fails in words, or gives the bytes that the index speaks of. @module */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { ifThere } from "../../../lib/base/files.ts";
import { type DiskIndex, holeRow } from "../../../lib/chunk/chunk_table.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { decodeIndex } from "../../../lib/chunk/decode_index.ts";
import { digestAt, setDigest } from "../../../lib/chunk/digest_column.ts";
import { encodeIndex } from "../../../lib/chunk/encode_index.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { pullDisk } from "../../../tasks/disk/disk.ts";
import { join, noise, rawIndex, tableOf } from "../../support/disk.ts";
import { DiskWorld, putDisk } from "../../support/disk_world.ts";

const chunkBytes = 4096;
const content = noise(10 * chunkBytes);
/** Ten chunks, of which two are there twice, with a hole in between. */
const data = join(content, new Uint8Array(3 * chunkBytes), content.subarray(0, 2 * chunkBytes));
const columns = [
  ...["digests", "lengths", "rows", "rowOffsets", "packDigests"] as const,
  ...["packSizes", "packs", "offsets", "stored"] as const,
];
const numbers = [0, 1, 2, 9, 10, 4095, 4096, 4097, 8192, 40_960, 2 ** 31, holeRow];

interface Mutation {
  column: typeof columns[number] | "size";
  at: number;
  value: number;
}

const mutations: fc.Arbitrary<Mutation> = fc.record({
  column: fc.constantFrom(...columns, "size" as const),
  at: fc.nat(400),
  value: fc.oneof(fc.constantFrom(...numbers), fc.nat(2 ** 32 - 1)),
});

function mutated({ column, at, value }: Mutation): DiskIndex {
  const index = rawIndex(tableOf(data, chunkerFor("fixed", 0, chunkBytes)), 100);
  setDigest(index.packDigests, 0, sha256(content));
  if (column === "size") return { ...index, size: value };
  index[column][at % index[column].length] = value;
  return index;
}

/** Fails unless a file is what an index says, chunk by chunk. */
function assertHolds(bytes: Uint8Array<ArrayBuffer>, index: DiskIndex): void {
  assertEquals(bytes.length, index.size);
  index.rows.forEach((chunk, row) => {
    const part = bytes.slice(index.rowOffsets[row]!, index.rowOffsets[row + 1]!);
    if (chunk === holeRow) assert(part.every((byte) => byte === 0), `row ${row} is not a hole`);
    else assertEquals(sha256(part), digestAt(index.digests, chunk), `row ${row}`);
  });
}

for (const inPlace of [false, true]) {
  const how = inPlace ? "in place " : "";
  Deno.test(`pullDisk() ${how}of a disk with one wrong number fails in words, or gives what its index says`, async () => {
    await using world = await DiskWorld.make();
    const layout = new Layout(world.path("store"));
    const options = { reference: `oci:${world.path("store")}:1`, file: world.path("out"), inPlace };
    const old = data.toReversed();
    await putDisk(layout, "1", mutated({ column: "size", at: 0, value: data.length }), [content]);
    await pullDisk({ ...options, file: world.path("right") }, world.machine());
    await world.holds("right", data);
    await fc.assert(
      fc.asyncProperty(mutations, async (mutation) => {
        let bytes: Uint8Array<ArrayBuffer>;
        const index = mutated(mutation);
        try {
          bytes = encodeIndex(index);
        } catch (error) {
          // No index has room for such a number.
          assert(error instanceof RangeError || error instanceof TypeError, String(error));
          return;
        }
        await putDisk(layout, "1", index, [content]);
        if (inPlace) await world.write("out", old);
        const failure = await pullDisk(options, world.machine()).then(() => undefined, (e) => e);
        if (failure === undefined) {
          assertHolds(await Deno.readFile(options.file), decodeIndex(bytes));
        } else {
          assert(failure instanceof KedgeError, String(failure.stack));
          if (!inPlace) assertEquals(await ifThere(Deno.stat(options.file)), undefined);
        }
        for (const name of await world.names()) {
          if (/^\.?out/.test(name)) await Deno.remove(world.path(name));
        }
      }),
      { numRuns: Number(Deno.env.get("KEDGE_TEST_HISTORIES") ?? 15) },
    );
  });
}
