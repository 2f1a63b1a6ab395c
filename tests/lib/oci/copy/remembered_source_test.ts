/** What is kept of a name, and what is not. */
import { assertEquals } from "@std/assert";
import type { KeptName, NameMemory } from "../../../../lib/oci/copy/name_memory.ts";
import { RememberedSource } from "../../../../lib/oci/copy/remembered_source.ts";
import { LayoutSource } from "../../../../lib/oci/layout/layout_source.ts";
import { Layout } from "../../../../lib/oci/layout/layout.ts";
import type { Manifest } from "../../../../lib/oci/manifest.ts";
import { writeIndex } from "../../../support/layout.ts";

const { signal } = new AbortController();
const platform = { os: "linux", architecture: "amd64" };

async function read(source: RememberedSource, { blobs }: Manifest): Promise<void> {
  for await (const _ of source.read(blobs[0]!, 0, signal));
}

Deno.test("RememberedSource keeps what was read until it was chosen, at most 64 parts, and nothing that is kept", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const images = Array.from({ length: 70 }, (_, at) => ({ layers: [`${at}`], platform }));
    await writeIndex(folder, "v1", images);
    const open = (kept?: KeptName) => {
      const memory: NameMemory = {
        recall: () => Promise.resolve(kept),
        bytes: (digest) => Deno.readFile(new Layout(folder).blobPath(digest)),
      };
      const source = new LayoutSource({ transport: "oci", folder, tag: "v1" });
      return new RememberedSource(source, memory, false);
    };
    const source = open();
    const root = await source.resolve();
    const first = await source.manifest(root.manifests[0]!);
    await read(source, first);
    source.chosen();
    await read(source, await source.manifest(root.manifests[1]!));
    const found = await source.unkept();
    const digests = [root.digest, first.digest, first.blobs[0]!.digest];
    assertEquals(found?.fresh.map(({ digest }) => digest), digests);
    assertEquals(found?.parts.map(({ digest }) => digest), digests);

    const again = open(found);
    await read(again, await again.manifest((await again.resolve()).manifests[0]!));
    assertEquals(await again.unkept(), undefined);

    const greedy = open();
    for (const each of (await greedy.resolve()).manifests) await greedy.manifest(each);
    assertEquals((await greedy.unkept())?.parts.length, 64);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
