/** A file is downloaded over several connections, or over one where the server has no ranges. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { gzipSync } from "node:zlib";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, UnreachableError } from "../../../lib/base/errors.ts";
import { readControl } from "../../../lib/http/control_file.ts";
import { standingClock } from "../../support/standing_clock.ts";
import { body, filled, little, mebibyte, withFile } from "../../support/download_bench.ts";

/** Whether a file is there, and has more than a size. */
async function holdsBytes(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ blocks }) => blocks! > 0, () => false);
}

Deno.test("download() asks for ranges over several connections and gives the digest of the whole", () =>
  withFile({ body }, async ({ fetch, origin, counts }) => {
    // What a connection takes over from a slow one is sent by both.
    using _noneIsSlow = standingClock();
    const found = await fetch();
    assertEquals([found.digest, found.size], [sha256(body), body.length]);
    assertEquals(counts.moved, body.length);
    assertEquals(origin.sentBytes, body.length);
    assert(origin.requests.length >= 5);
  }));

Deno.test("download() needs one request for a small file", () =>
  withFile({ body: little }, async ({ fetch, origin }) => {
    assertEquals((await fetch()).digest, sha256(little));
    assertEquals(origin.requests.length, 1);
  }));

Deno.test("download() of an empty file asks once more without a range", () =>
  withFile({ body: new Uint8Array() }, async ({ fetch, origin }) => {
    assertEquals((await fetch()).digest, sha256(""));
    assertEquals(origin.requests.map(({ status }) => status), [416, 200]);
  }));

Deno.test("download() from a server without ranges takes the one stream it gets", () =>
  withFile({ body, ranges: "ignore" }, async ({ fetch, origin }) => {
    assertEquals((await fetch()).digest, sha256(body));
    assertEquals(origin.requests.map(({ status }) => status), [200]);
  }));

Deno.test("download() of a body without a length ends where the connection ends", () =>
  withFile(
    { body, ranges: "ignore", faults: [{ withoutLength: true }] },
    async ({ fetch }) => assertEquals((await fetch()).digest, sha256(body)),
  ));

Deno.test("download() over one stream begins anew when it breaks", () =>
  withFile({ body, ranges: "ignore", faults: [{ cutAfter: 5_000_000 }] }, async (bench) => {
    assertEquals((await bench.fetch()).digest, sha256(body));
    assertEquals(bench.origin.requests.length, 2);
    assertStringIncludes(bench.notes.join(), "beginning anew");
  }));

Deno.test("download() goes on in the middle of a range that was cut short", () =>
  withFile({ body, faults: [{ atByte: 8 * mebibyte, cutAfter: 1_500_000 }] }, async (bench) => {
    assertEquals((await bench.fetch()).digest, sha256(body));
    assert(bench.origin.sentBytes < body.length + mebibyte);
    assertEquals(bench.counts.moved, body.length);
  }));

Deno.test("download() asks on where a server sends less than was asked for", () =>
  withFile({ body, ranges: "short" }, async ({ fetch, origin, counts }) => {
    assertEquals((await fetch()).digest, sha256(body));
    assertEquals([counts.moved, origin.sentBytes], [body.length, body.length]);
  }));

Deno.test("download() takes no byte beyond the range that was asked for", () =>
  withFile({ body, ranges: "long" }, async ({ fetch, counts }) => {
    assertEquals((await fetch()).digest, sha256(body));
    assertEquals(counts.moved, body.length);
  }));

Deno.test("download() keeps the stored bytes of a tarball that is served with Content-Encoding: gzip", () =>
  withFile(
    { body: gzipSync(little), ranges: "ignore", headers: { "content-encoding": "gzip" } },
    async ({ fetch, file }) => assertEquals((await fetch()).digest, sha256(file.body)),
  ));

Deno.test("download() takes a file that is said to be plain text", () =>
  withFile({ body: little, headers: { "content-type": "text/plain" } }, async ({ fetch }) => {
    assertEquals((await fetch()).digest, sha256(little));
  }));

Deno.test("download() gives a server up that wants to be asked again tomorrow", () =>
  withFile({ body }, async ({ fetch, file }) => {
    file.faults = [{ atByte: 8 * mebibyte, status: 503, headers: { "retry-after": "86400" } }];
    await assertRejects(() => fetch({}, { connections: 1 }), UnreachableError, "answered 503");
  }));

Deno.test("download() never writes a signed URL to the disk", () =>
  withFile({ body, signedUses: 1000 }, async ({ fetch, folder }) => {
    await fetch();
    assert(!(await Deno.readTextFile(join(folder, "control.json"))).includes("signature"));
  }));

Deno.test("download() steals the second half of the range that would take longest", () =>
  withFile({ body: filled(9 * mebibyte, 4) }, async ({ fetch, file, origin }) => {
    // Slow until a third connection asks for something, which only a range that is under way can give.
    file.bytesPerSecond = mebibyte / 16;
    file.before = () => {
      if (origin.requests.length > 2) delete file.bytesPerSecond;
    };
    const found = await fetch({}, { connections: 4 });
    assertEquals(found.digest, sha256(file.body));
    const [first, , stolen] = origin.requests.map(({ headers }) =>
      /^bytes=(\d+)-(\d+)$/.exec(headers.get("range")!)!.slice(1).map(Number)
    );
    assertEquals(stolen![1], first![1]);
    assert(stolen![0]! >= first![1]! / 2, `stolen from byte ${stolen![0]}`);
  }));

Deno.test("download() tells of bytes once they are durable, the last half second's at the latest", () =>
  withFile(
    { body: filled(2 * mebibyte, 7), bytesPerSecond: mebibyte / 16 },
    async ({ fetch, folder, file }) => {
      const told: { moved: number; durable: number }[] = [];
      let moved = 0;
      const object = {
        moved: (bytes: number) => {
          moved += bytes;
          const { done } = JSON.parse(Deno.readTextFileSync(join(folder, "control.json")));
          const durable = done.reduce(
            (sum: number, [start, end]: number[]) => sum + end! - start!,
            0,
          );
          // The rest comes at once when some was told of while it came slowly, however long the disk takes for each.
          if (told.push({ moved, durable }) > 2) delete file.bytesPerSecond;
        },
        reused() {},
        restarted() {},
        [Symbol.dispose]() {},
      };
      await fetch({}, { object });
      assert(told.length > 2, JSON.stringify(told));
      assertEquals(told.filter((each) => each.moved !== each.durable), []);
      assertEquals(moved, file.body.length);
    },
  ));

Deno.test("download() counts what came and was never synced, at the end", () =>
  withFile({ body, ranges: "ignore" }, async ({ fetch, file, counts }) => {
    file.faults = [{ cutAfter: mebibyte }];
    assertEquals((await fetch()).digest, sha256(body));
    // Of what a server sent before it broke off, the last may be lost on the way.
    const again = counts.moved - body.length;
    assert(again > 0 && again <= mebibyte, `${again} bytes came again`);
  }));

Deno.test("download() stopped by its signal leaves what came", () =>
  withFile({ body, bytesPerSecond: mebibyte }, async ({ fetch, folder, origin }) => {
    const stop = new AbortController();
    const fetched = assertRejects(() => fetch({}, { signal: stop.signal }), Error, "enough");
    while (!await holdsBytes(join(folder, "data"))) await delay(2);
    stop.abort(new Error("enough"));
    await fetched;
    assert(origin.sentBytes < body.length, `${origin.sentBytes} bytes were sent`);
    const control = await readControl(folder, "source");
    assert(control!.done.length > 0);
  }));

Deno.test("download() refuses what its check refuses before it asks for more", () =>
  withFile({ body }, async ({ fetch, origin }) => {
    const check = () => {
      throw new KedgeError("wrong kind");
    };
    await assertRejects(() => fetch({}, { check }), KedgeError, "wrong kind");
    assert(origin.sentBytes < body.length);
  }));

Deno.test("download() ends at once when its folder is removed meanwhile, and says so", () =>
  withFile({ body, bytesPerSecond: mebibyte }, async ({ fetch, folder, origin }) => {
    let isRemoved = false;
    const object = {
      moved: () => {
        if (!isRemoved) Deno.removeSync(folder, { recursive: true });
        isRemoved = true;
      },
      reused: () => {},
      restarted: () => {},
      [Symbol.dispose]: () => {},
    };
    const error = await assertRejects(
      () => fetch({}, { object }),
      KedgeError,
      `Cannot write to "${folder}": it was removed meanwhile`,
    );
    assertEquals(error.side, "destination");
    assert(origin.sentBytes < body.length, `${origin.sentBytes} bytes were sent`);
    await Deno.mkdir(folder);
  }));
