/** Blobs that images of several sources share, of which one source cannot give them. */
import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { KedgeError } from "../../../../lib/base/errors.ts";
import { Spool } from "../../../../lib/oci/copy/spool.ts";
import type { Descriptor } from "../../../../lib/oci/descriptor.ts";
import type { ImageSource } from "../../../../lib/oci/image_store.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { fixedLimit } from "../../../../lib/http/pace.ts";

const never = () => Promise.reject(new Error("not asked for"));
const { signal } = new AbortController();
const content = new TextEncoder().encode("shared");
const blob: Descriptor = {
  mediaType: MediaType.ociConfig,
  digest: sha256(content),
  size: content.byteLength,
};

/** A source that has the blob, or has lost it. */
function sourceOf(name: string, hasIt: boolean): ImageSource {
  return {
    name,
    limit: fixedLimit(1),
    requestsPerRead: () => 1,
    resolve: never,
    manifest: never,
    referrers: never,
    tagged: never,
    async *read(_blob, start) {
      await Promise.resolve();
      if (!hasIt) throw new KedgeError(`Cannot find the blob of "${name}"`);
      yield content.slice(start);
    },
    [Symbol.dispose]() {},
  };
}

const ways: Record<string, (spool: Spool, source: ImageSource) => Promise<unknown>> = {
  peek: (spool, source) => spool.peek(blob, source, signal),
  path: (spool, source) => spool.path(blob, source, signal).then((path) => Deno.readFile(path)),
};

for (const [way, read] of Object.entries(ways)) {
  Deno.test(`Spool.${way}() takes a blob from the source that has it, where another that was asked first has lost it`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const place = () => Promise.resolve(folder);
      using spool = new Spool({ left: place, own: place });
      const lost = read(spool, sourceOf("a", false));
      const others = [read(spool, sourceOf("b", true)), read(spool, sourceOf("c", true))];
      await assertRejects(() => lost, KedgeError, 'of "a"');
      assertEquals(await Promise.all(others), [content, content]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
