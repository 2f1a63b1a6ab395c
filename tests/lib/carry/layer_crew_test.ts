import { gzipSync } from "node:zlib";
import { assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { ifThere } from "../../../lib/base/files.ts";
import { LayerCrew } from "../../../lib/carry/layer_crew.ts";
import { hashNar } from "../../../lib/nix/nar/hash_nar.ts";
import { tarball } from "../../support/tarball.ts";
import { removeTree } from "../../support/remove_tree.ts";

const baseName = "37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-a";
const never = new AbortController().signal;

interface Ground {
  work: string;
  crew: LayerCrew;
}

/** A crew of one thread that wants a path with one text in it. */
async function withCrew(run: (ground: Ground) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-crew-" });
  try {
    const work = join(folder, "work");
    await Deno.mkdir(work);
    const sample = join(folder, "sample");
    await Deno.mkdir(sample);
    await Deno.writeTextFile(join(sample, "file"), "text");
    const wanted = [{ baseName, ...await hashNar(sample) }];
    await using crew = new LayerCrew({ folder, work, wanted, linksBytes: 0, threads: 1 });
    await run({ work, crew });
  } finally {
    await removeTree(folder);
  }
}

function layerWith(content: string): Uint8Array<ArrayBuffer> {
  return tarball([
    { name: `nix/store/${baseName}`, flag: "5" },
    { name: `nix/store/${baseName}/file`, content },
    { name: "nix/store/other", content: "not wanted" },
  ]);
}

/** A layer in small pieces, all in the same memory. */
async function* pieces(layer: Uint8Array): AsyncGenerator<Uint8Array> {
  const size = 100;
  const buffer = new Uint8Array(size);
  for (let at = 0; at < layer.length; at += size) {
    const piece = layer.subarray(at, at + size);
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
  }
}

Deno.test("LayerCrew names the wanted paths that are whole, and all that a layer holds", async () => {
  await withCrew(async ({ crew }) => {
    const reading = await crew.read(pieces(layerWith("text")), "layer", never);
    assertEquals(reading?.whole.map((each) => each.baseName), [baseName]);
    const path = reading!.whole[0]!.path;
    assertEquals(await Deno.readTextFile(join(path, "file")), "text");
    assertEquals(reading?.facts.stores, [baseName]);
  });
});

Deno.test("LayerCrew names no path that is another than was wanted", async () => {
  await withCrew(async ({ crew }) => {
    const other = await crew.read(pieces(layerWith("evil")), "layer", never);
    assertEquals([other?.whole, other?.facts.stores], [[], [baseName]]);
    const right = await crew.read(pieces(layerWith("text")), "layer", never);
    assertEquals(right?.whole.length, 1);
  });
});

Deno.test("LayerCrew gives no reading of what it cannot unpack", async () => {
  await withCrew(async ({ crew }) => {
    const layer = layerWith("text");
    for (
      const bad of [layer.slice(0, 700), new Uint8Array(600).fill(7), tarball([{ name: "../x" }])]
    ) {
      assertEquals(await crew.read(pieces(bad), "layer", never), undefined);
    }
    assertEquals((await crew.read(pieces(layer), "layer", never))?.whole.length, 1);
  });
});

Deno.test("LayerCrew waits for nothing more of a layer that it gave up, however much of it comes", async () => {
  await withCrew(async ({ crew }) => {
    let given = 0;
    async function* long() {
      yield tarball([{ name: "../x" }], "open");
      for (; given < 64; given++) yield new Uint8Array(1024 * 1024);
    }
    assertEquals(await crew.read(long(), "layer", AbortSignal.timeout(60_000)), undefined);
    assertEquals(given < 64, true);
    assertEquals((await crew.read(pieces(layerWith("text")), "layer", never))?.whole.length, 1);
  });
});

Deno.test({
  name: "LayerCrew keeps no folder open of a layer for which none can be made",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await withCrew(async ({ work, crew }) => {
      for (const layer of [0, 1, 2]) {
        await Deno.writeTextFile(join(work, String(layer)), "in the way");
        assertEquals(await crew.read(pieces(layerWith("text")), "layer", never), undefined);
      }
      assertEquals(await openBelow(dirname(work)), []);
      assertEquals((await crew.read(pieces(layerWith("text")), "layer", never))?.whole.length, 1);
    });
  },
});

/** What this process has open of a folder and of all below it. */
async function openBelow(folder: string): Promise<string[]> {
  const open: string[] = [];
  for await (const { name } of Deno.readDir("/proc/self/fd")) {
    const path = await ifThere(Deno.readLink(`/proc/self/fd/${name}`));
    if (path?.startsWith(folder)) open.push(path);
  }
  return open;
}

Deno.test("LayerCrew reads a layer from a file, and gives no reading unless all of it is what was named", async () => {
  await withCrew(async ({ work, crew }) => {
    const path = join(work, "layer");
    const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
    const packed = new Uint8Array(gzipSync(layerWith("text")));
    const trailed = new Uint8Array([...packed, ...new Uint8Array(3_000_000).fill(7)]);
    const read = async (there: Uint8Array, named: Uint8Array) => {
      await Deno.writeFile(path, there);
      const file = { path, mediaType, digest: sha256(named), size: named.length };
      return await crew.read(file, "layer", never);
    };
    assertEquals((await read(packed, packed))?.whole.map((each) => each.baseName), [baseName]);
    const other = new Uint8Array(gzipSync(layerWith("evil")));
    for (
      const [there, named] of [
        [other, packed],
        [packed.slice(0, -1), packed],
        [packed, packed.slice(0, -1)],
        [trailed, trailed],
        [layerWith("text").slice(0, 700), layerWith("text").slice(0, 700)],
      ] as const
    ) assertEquals(await read(there, named), undefined);
    await Deno.remove(path);
    const file = { path, mediaType, digest: sha256(packed), size: packed.length };
    assertEquals(await crew.read(file, "layer", never), undefined);
    assertEquals((await read(packed, packed))?.whole.length, 1);
  });
});

Deno.test("LayerCrew ends the reading of a file on an abort", async () => {
  await withCrew(async ({ work, crew }) => {
    const path = join(work, "layer");
    const layer = layerWith("text");
    await Deno.writeFile(path, layer);
    const controller = new AbortController();
    const file = { path, mediaType: "", digest: sha256(layer), size: layer.length };
    const reading = crew.read(file, "layer", controller.signal);
    controller.abort(new Error("enough"));
    await assertRejects(() => reading, Error, "enough");
    assertEquals((await crew.read(file, "layer", never))?.whole.length, 1);
  });
});

Deno.test("LayerCrew throws what the source of the bytes throws", async () => {
  await withCrew(async ({ crew }) => {
    async function* broken() {
      yield layerWith("text").subarray(0, 512);
      throw new Error("the source broke");
    }
    await assertRejects(() => crew.read(broken(), "layer", never), Error, "the source broke");
    assertEquals((await crew.read(pieces(layerWith("text")), "layer", never))?.whole.length, 1);
  });
});

Deno.test("LayerCrew takes no more than it can use, and ends on an abort", async () => {
  await withCrew(async ({ crew }) => {
    const controller = new AbortController();
    let given = 0;
    async function* endless() {
      // The contents of one file, without an end.
      yield tarball([{ name: "nix/x", size: 2 ** 33 - 1 }], "open");
      for (;; given++) {
        if (given === 40) controller.abort(new Error("enough"));
        yield new Uint8Array(1024 * 1024);
      }
    }
    const reading = () => crew.read(endless(), "layer", controller.signal);
    await assertRejects(reading, Error, "enough");
    assertEquals(given, 40);
    assertEquals((await crew.read(pieces(layerWith("text")), "layer", never))?.whole.length, 1);
  });
});

Deno.test("a LayerCrew that was disposed of writes nothing more", async () => {
  await withCrew(async ({ work }) => {
    const crew = new LayerCrew({ folder: work, work, wanted: [], linksBytes: 0, threads: 2 });
    const held = Promise.withResolvers<void>();
    async function* slow() {
      yield layerWith("text");
      await held.promise;
    }
    const reading = crew.read(slow(), "layer", never);
    await crew[Symbol.asyncDispose]();
    await removeTree(work);
    held.resolve();
    assertEquals(await reading, undefined);
    await assertRejects(() => Deno.lstat(work), Deno.errors.NotFound);
    await Deno.mkdir(work);
    assertEquals(await crew.read(pieces(layerWith("text")), "layer", never), undefined);
    assertEquals(await Array.fromAsync(Deno.readDir(work)), []);
  });
});
