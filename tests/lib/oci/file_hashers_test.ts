import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { FileHashers } from "../../../lib/oci/file_hashers.ts";
import { randomBytes } from "../../support/layout.ts";

const { signal } = new AbortController();

Deno.test("FileHashers give the digest of a file that is made after it was opened, and grows", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "data");
  const bytes = randomBytes(6_000_000, 1);
  {
    using hashers = new FileHashers();
    using hash = hashers.open(path, bytes.length);
    using file = await Deno.open(path, { write: true, createNew: true });
    for (let at = 0; at < bytes.length;) {
      at += await file.write(bytes.subarray(at, at + 1_000_000));
      hash.grown(at);
    }
    assertEquals(await hash.digest(bytes.length, signal), sha256(bytes));
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("FileHashers give the digests of several files, and of one that never grew", async () => {
  const folder = await Deno.makeTempDir();
  const contents = [6_000_000, 4_500_000, 2_500_000, 10].map((size) => randomBytes(size, size));
  {
    using hashers = new FileHashers();
    const digests = await Promise.all(contents.map(async (bytes, at) => {
      const path = join(folder, String(at));
      using hash = hashers.open(path, bytes.length);
      await Deno.writeFile(path, bytes);
      if (at % 2 === 0) hash.grown(bytes.length);
      return await hash.digest(bytes.length, signal);
    }));
    assertEquals(digests, contents.map(sha256));
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("FileHashers hash here what the worker found shorter than it was said to be", async () => {
  const path = await Deno.makeTempFile();
  const bytes = randomBytes(6_000_000, 2);
  {
    using hashers = new FileHashers();
    using hash = hashers.open(path, bytes.length);
    await Deno.writeFile(path, bytes);
    hash.grown(bytes.length + 1);
    assertEquals(await hash.digest(bytes.length, signal), sha256(bytes));
  }
  await Deno.remove(path);
});

Deno.test("FileHashers make no worker for small files", async () => {
  const path = await Deno.makeTempFile();
  const bytes = randomBytes(2_500_000, 3);
  await Deno.writeFile(path, bytes);
  const { Worker } = globalThis;
  globalThis.Worker = class {
    constructor() {
      throw new Error("a worker was made");
    }
  } as unknown as typeof Worker;
  try {
    using hashers = new FileHashers();
    using hash = hashers.open(path, bytes.length);
    hash.grown(bytes.length);
    assertEquals(await hash.digest(bytes.length, signal), sha256(bytes));
    assertEquals(await hash.digest(1000, signal), sha256(bytes.subarray(0, 1000)));
  } finally {
    globalThis.Worker = Worker;
  }
  await Deno.remove(path);
});
