import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../../lib/base/digest.ts";
import type { Descriptor } from "../../../../lib/oci/descriptor.ts";
import type { ImageSource } from "../../../../lib/oci/image_store.ts";
import { Layout } from "../../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { fixedLimit } from "../../../../lib/http/pace.ts";
import { Spool } from "../../../../lib/oci/copy/spool.ts";
import { randomBytes } from "../../../support/layout.ts";

const content = randomBytes(500_000);
const blob: Descriptor = {
  mediaType: MediaType.ociLayer,
  digest: sha256(content),
  size: content.byteLength,
};
const { signal } = new AbortController();

/** Gives the blob, and counts how often. */
class Source implements ImageSource {
  readonly name = "the source";
  readonly limit = fixedLimit(1);
  reads = 0;

  requestsPerRead(): number {
    return 1;
  }

  resolve(): Promise<never> {
    return Promise.reject(new Error("not asked for"));
  }

  manifest(): Promise<never> {
    return this.resolve();
  }

  referrers(): Promise<never> {
    return this.resolve();
  }

  tagged(): Promise<never> {
    return this.resolve();
  }

  async *read(_descriptor: Descriptor, start: number): AsyncIterable<Uint8Array> {
    this.reads++;
    yield await Promise.resolve(content.slice(start));
  }

  [Symbol.dispose](): void {}
}

/** Two folders: what an earlier run left, with the bytes of the blob, and this process's own one. */
async function withFolders(run: (left: string, own: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const [left, own] = [join(folder, "left"), join(folder, "own")];
    for (const each of [left, own]) await new Layout(each).makeBlobFolder();
    await Deno.writeFile(new Layout(left).blobPath(blob.digest), content);
    await run(left, own);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The blob, of which the file goes just after it was seen. */
function vanishing(folder: string): Descriptor {
  const path = new Layout(folder).blobPath(blob.digest);
  let isThere = true;
  return {
    ...blob,
    get size() {
      if (isThere) Deno.removeSync(path);
      isThere = false;
      return blob.size;
    },
  };
}

function spoolOf(left: string, own: string): Spool {
  return new Spool({ left: () => Promise.resolve(left), own: () => Promise.resolve(own) });
}

Deno.test("Spool takes what an earlier run left for nothing, once it was hashed", () =>
  withFolders(async (left) => {
    using spool = spoolOf(left, left);
    const source = new Source();
    assertEquals(await spool.cost(blob, source), { requests: 0, diskBytes: 0 });
    const path = await spool.path(blob, source, signal);
    assertEquals([path, source.reads], [new Layout(left).blobPath(blob.digest), 0]);
  }));

Deno.test("Spool hashes what lies in its own folder, whatever lay in the one that it planned with", () =>
  withFolders(async (left, own) => {
    using spool = spoolOf(left, own);
    const source = new Source();
    await spool.cost(blob, source);
    await Deno.writeFile(new Layout(own).blobPath(blob.digest), content.with(9, content[9]! ^ 1));
    const path = await spool.path(blob, source, signal);
    assertEquals([sha256(await Deno.readFile(path)), source.reads], [blob.digest, 1]);
  }));

Deno.test("Spool plans to fetch a blob that goes while it is looked at", () =>
  withFolders(async (left, own) => {
    using spool = spoolOf(left, own);
    const cost = await spool.cost(vanishing(left), new Source());
    assertEquals([cost.requests, cost.diskBytes], [1, blob.size]);
  }));

Deno.test("Spool fetches a blob that goes while it is looked at", () =>
  withFolders(async (left) => {
    using spool = spoolOf(left, left);
    const source = new Source();
    const path = await spool.path(vanishing(left), source, signal);
    assertEquals([sha256(await Deno.readFile(path)), source.reads], [blob.digest, 1]);
  }));
