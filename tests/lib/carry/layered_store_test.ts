/** How often layers are read in which a fault is found. */
import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { LayerMemory } from "../../../lib/carry/layer_memory.ts";
import { LayeredStore } from "../../../lib/carry/layered_store.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import type { ImageSource } from "../../../lib/oci/image_store.ts";
import { inFolder } from "../../support/in_folder.ts";
import { tarball } from "../../support/tarball.ts";

const { signal } = new AbortController();
const damaged = tarball([
  { name: "nix/", flag: "5" },
  { name: "nix/../../etc/passwd", content: "no" },
  { name: "nix/more", content: "x".repeat(100_000) },
]);
const layer: Descriptor = {
  mediaType: "application/vnd.oci.image.layer.v1.tar",
  digest: sha256(damaged),
  size: damaged.length,
};

/** A source of one layer that gives some bytes for it, in small pieces, and counts what was read of it. */
class CountingSource implements Pick<ImageSource, "name" | "read" | "requestsPerRead"> {
  readonly name = "example.org/nix:1";
  readings = 0;
  bytes = 0;
  #contents: Uint8Array;

  constructor(contents: Uint8Array) {
    this.#contents = contents;
  }

  requestsPerRead(): number {
    return 1;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    this.readings++;
    for (let at = 0; at < this.#contents.length; at += 1000) {
      const piece = this.#contents.subarray(at, at + 1000);
      this.bytes += piece.length;
      yield piece;
    }
  }
}

async function survey(contents: Uint8Array): Promise<{ source: CountingSource; said: string }> {
  const source = new CountingSource(contents);
  let said = "";
  await inFolder(async (dir) => {
    const memory = await LayerMemory.recall(new Cache(dir), layer.digest, []);
    const meter = silentMeter;
    const store = new LayeredStore(source as unknown as ImageSource, [layer], { memory, meter });
    const { message } = await assertRejects(() => store.survey(dir, signal), VerificationError);
    said = message;
  });
  return { source, said };
}

Deno.test("LayeredStore tells a fault in a layer after one reading of its bytes", async () => {
  const { source, said } = await survey(damaged);
  assertEquals(said.includes("nix/../../etc/passwd"), true, said);
  assertEquals([source.readings, source.bytes], [1, damaged.length]);
});

Deno.test("LayeredStore tells after one reading that a fault comes from wrong bytes", async () => {
  const wrong = damaged.slice();
  wrong[wrong.length - 2000] = 1;
  const { source, said } = await survey(wrong);
  assertEquals(said.includes(layer.digest) && !said.includes("passwd"), true, said);
  assertEquals([source.readings, source.bytes], [1, damaged.length]);
});
