import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { GrowingDigest } from "../../../lib/base/growing_digest.ts";
import { GrowingFile } from "../../../lib/base/growing_file.ts";

async function withFile(contents: string, test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-growing-" });
  try {
    const path = join(folder, "f");
    await Deno.writeTextFile(path, contents);
    await test(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const texts = (pieces: AsyncIterable<Uint8Array>) =>
  Array.fromAsync(pieces, (piece) => new TextDecoder().decode(piece));

Deno.test("GrowingFile reads no byte before it was said to be there", () =>
  withFile("abcdef??????", async (path) => {
    const file = new GrowingFile(path);
    const pieces = file.pieces(4);
    const first = pieces.next();
    file.grown(3);
    let came = false;
    first.then(() => came = true);
    await delay(5);
    assertEquals(came, false);
    file.grown(6);
    assertEquals(new TextDecoder().decode((await first).value), "abcd");
    await Deno.writeTextFile(path, "abcdefghi");
    file.finish(9);
    await file.finished();
    assertEquals(await texts(pieces), ["efgh", "i"]);
  }));

Deno.test("GrowingFile.whole() reads a file that is there, and several readers each read all of it", () =>
  withFile("abcdef", async (path) => {
    const file = await GrowingFile.whole(path);
    assertEquals(await texts(file.pieces(4)), ["abcd", "ef"]);
    assertEquals(await texts(file.pieces(6, { reuse: true })), ["abcdef"]);
  }));

Deno.test("GrowingFile refuses a file that ends before it should", () =>
  withFile("abc", async (path) => {
    const file = new GrowingFile(path);
    file.finish(5);
    await assertRejects(() => texts(file.pieces(4)), Error, "the file ended after 3 bytes");
  }));

Deno.test("GrowingFile ends on abort", () =>
  withFile("abc", async (path) => {
    const file = await GrowingFile.whole(path);
    const signal = AbortSignal.abort(new Error("enough"));
    await assertRejects(() => texts(file.pieces(2, { signal })), Error, "enough");
  }));

Deno.test("GrowingFile gives each piece to who listens first, and says whether it is read", () =>
  withFile("abcdef", async (path) => {
    for (const blocking of [false, true]) {
      const heard: [number, string][] = [];
      const onPiece = (at: number, bytes: Uint8Array) => {
        heard.push([at, new TextDecoder().decode(bytes)]);
      };
      const file = new GrowingFile(path, { onPiece, blocking });
      assertEquals(file.isRead, false);
      file.finish(6);
      for await (const piece of file.pieces(4, { reuse: true })) {
        assertEquals(heard.at(-1)![1], new TextDecoder().decode(piece));
        assertEquals(file.isRead, true);
      }
      assertEquals(file.isRead, false);
      assertEquals(heard, [[0, "abcd"], [4, "ef"]]);
      file.finish(9);
      await assertRejects(() => texts(file.pieces(9)), Error, "the file ended after 6 bytes");
    }
  }));

Deno.test("GrowingDigest hashes each byte once, whoever read it", () =>
  withFile("abcdefghi", (path) => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    const digest = new GrowingDigest(path);
    digest.take(0, bytes("ab"));
    digest.upTo(3);
    digest.take(0, bytes("abcdef"));
    digest.take(2, bytes("cd"));
    digest.take(8, bytes("?"));
    assertEquals(digest.finish(9), sha256("abcdefghi"));
    return Promise.resolve();
  }));
