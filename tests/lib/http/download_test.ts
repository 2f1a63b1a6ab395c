import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { gzipSync } from "node:zlib";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, NotAllowedError, UnreachableError } from "../../../lib/base/errors.ts";
import { type Meter, silentMeter } from "../../../lib/base/meter.ts";
import { HttpClient } from "../../../lib/http/client.ts";
import { readControl, writeControl } from "../../../lib/http/control_file.ts";
import { download } from "../../../lib/http/download.ts";
import type { Downloaded, DownloadOptions } from "../../../lib/http/download_options.ts";
import { probe, type ProbeRequest } from "../../../lib/http/probe.ts";
import { Transport } from "../../../lib/http/transport.ts";
import { type Origin, type OriginFile, startOrigin } from "../../support/origin.ts";

const mebibyte = 1024 * 1024;
const retry = { retries: 3, baseMs: 1, ceilingMs: 5 };
const body = filled(24 * mebibyte, 1);
const other = filled(24 * mebibyte, 2);
const little = filled(100_000, 3);

function filled(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(size / 4);
  for (let at = 0, state = seed; at < words.length; at++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    words[at] = state;
  }
  return new Uint8Array(words.buffer);
}

interface Bench {
  origin: Origin;
  file: OriginFile;
  folder: string;
  notes: string[];
  /** Payload bytes that the meter was told of. */
  counts: { moved: number; reused: number; requests: number };
  /** Downloads with what an earlier run left in the folder. */
  fetch(
    request?: Partial<ProbeRequest>,
    options?: Partial<DownloadOptions>,
  ): Promise<Downloaded>;
}

async function withFile(file: OriginFile, test: (bench: Bench) => Promise<void>): Promise<void> {
  await using origin = startOrigin({ "/f": file });
  const folder = await Deno.makeTempDir({ prefix: "kedge-download-" });
  const counts = { moved: 0, reused: 0, requests: 0 };
  const notes: string[] = [];
  const meter: Meter = {
    ...silentMeter,
    request: () => counts.requests++,
    note: (message) => notes.push(message),
  };
  const object = {
    moved: (bytes: number) => counts.moved += bytes,
    reused: (bytes: number) => counts.reused += bytes,
    restarted() {},
    [Symbol.dispose]() {},
  };
  const fetch: Bench["fetch"] = async (request = {}, options = {}) => {
    using transport = new Transport();
    const client = new HttpClient({ meter, retry, fetch: transport.fetch });
    const partial = await readControl(folder, "source");
    const asked: ProbeRequest = {
      url: origin.url("/f"),
      action: "fetch the file",
      digestKnown: options.digest !== undefined,
      ...(partial === undefined ? {} : { partial }),
      ...request,
    };
    const answer = await probe(client, asked);
    if (answer.state !== "found") throw new Error("nothing was found");
    return await download({
      client,
      request: asked,
      probe: answer,
      folder,
      source: "source",
      meter,
      object,
      retry,
      signal: new AbortController().signal,
      ...options,
    });
  };
  try {
    await test({ origin, file: origin.files.get("/f")!, folder, notes, counts, fetch });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** As a killed run would leave it: some ranges of a body, and a control file. */
async function leavePartial(
  folder: string,
  bytes: Uint8Array,
  done: { start: number; end: number }[],
  extra: Record<string, unknown> = {},
): Promise<void> {
  const data = new Uint8Array(bytes.length);
  for (const { start, end } of done) data.set(bytes.subarray(start, end), start);
  await Deno.writeFile(join(folder, "data"), data);
  const etag = `"${sha256(bytes).slice(7, 23)}"`;
  await writeControl(folder, { source: "source", size: bytes.length, etag, done, ...extra });
}

/** Whether a file is there, and has more than a size. */
async function holdsBytes(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ blocks }) => blocks! > 0, () => false);
}

const half = [{ start: 0, end: 12 * mebibyte }];

Deno.test("download() asks for ranges over several connections and gives the digest of the whole", () =>
  withFile({ body }, async ({ fetch, origin, counts }) => {
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

Deno.test("download() resumes what an earlier run left, holes included", () =>
  withFile({ body }, async ({ fetch, origin, folder, counts }) => {
    await leavePartial(folder, body, [
      { start: 0, end: 5 * mebibyte },
      { start: 9 * mebibyte, end: 20 * mebibyte },
    ]);
    assertEquals((await fetch()).digest, sha256(body));
    assertEquals(origin.sentBytes, 8 * mebibyte);
    assertEquals(counts.reused, 16 * mebibyte);
    assertEquals(origin.requests[0]!.headers.get("if-range")?.[0], '"');
  }));

Deno.test("download() asks for the last byte alone where an earlier run was killed after it had all", () =>
  withFile({ body }, async ({ fetch, origin, folder, counts }) => {
    await leavePartial(folder, body, [{ start: 0, end: body.length }]);
    assertEquals((await fetch()).digest, sha256(body));
    assertEquals([counts.moved, counts.reused], [1, body.length - 1]);
    assertEquals(origin.requests.map(({ status }) => status), [206]);
  }));

Deno.test("download() does not resume what changed at the origin meanwhile", () =>
  withFile({ body: other }, async ({ fetch, folder, counts }) => {
    await leavePartial(folder, body, half);
    assertEquals((await fetch()).digest, sha256(other));
    assertEquals([counts.moved, counts.reused], [other.length, 0]);
  }));

Deno.test("download() begins anew where the server that resumes has no ranges any more", () =>
  withFile({ body, ranges: "ignore" }, async ({ fetch, folder }) => {
    await leavePartial(folder, body, half);
    assertEquals((await fetch()).digest, sha256(body));
  }));

Deno.test("download() begins anew where the object became shorter (416)", () =>
  withFile({ body: little }, async ({ fetch, folder, origin }) => {
    await leavePartial(folder, body, half);
    assertEquals((await fetch()).digest, sha256(little));
    assertEquals(origin.requests.map(({ status }) => status), [200, 206]);
  }));

Deno.test("download() resumes by date where the server heeds If-Range for dates only", () =>
  withFile({ body, ifRange: "dates" }, async ({ fetch, folder, origin, counts }) => {
    await leavePartial(folder, body, half);
    assertEquals((await fetch()).digest, sha256(body));
    assertEquals(origin.requests.slice(0, 2).map(({ status }) => status), [200, 206]);
    assertEquals(counts.moved, 12 * mebibyte);
  }));

Deno.test("download() resumes nothing without a validator, but does with a pinned digest", () =>
  withFile({ body, etag: null }, async ({ fetch, folder, counts }) => {
    await leavePartial(folder, body, half, { etag: undefined });
    assertEquals((await fetch()).digest, sha256(body));
    assertEquals(counts.reused, 0);
    await leavePartial(folder, body, half, { etag: undefined });
    assertEquals((await fetch({}, { digest: sha256(body) })).digest, sha256(body));
    assertEquals(counts.reused, half[0]!.end);
  }));

Deno.test("download() takes no weak ETag for a validator", () =>
  withFile({ body, etag: 'W/"weak"' }, async ({ fetch, origin }) => {
    assertEquals((await fetch()).digest, sha256(body));
    assert(origin.requests.every(({ headers }) => !headers.has("if-range")));
    assertEquals(origin.requests.at(-1)?.status, 200);
  }));

Deno.test("download() with a pinned digest begins anew when what was left has wrong bytes", () =>
  withFile({ body }, async ({ fetch, folder, notes }) => {
    await leavePartial(folder, other, half, { etag: `"${sha256(body).slice(7, 23)}"` });
    assertEquals((await fetch({}, { digest: sha256(body) })).digest, sha256(body));
    assertStringIncludes(notes.join(), "wrong digest");
  }));

for (
  const [what, damage] of Object.entries<(folder: string) => Promise<void>>({
    "is cut short": (folder) => Deno.writeTextFile(join(folder, "control.json"), '{"version":1,'),
    "is empty": (folder) => Deno.writeTextFile(join(folder, "control.json"), ""),
    "names bytes beyond the data": (folder) => Deno.truncate(join(folder, "data"), 1000),
    "has no data beside it": (folder) => Deno.remove(join(folder, "data")),
    "is of another source": (folder) =>
      writeControl(folder, { source: "else", size: body.length, done: half }),
    "contradicts itself": (folder) =>
      writeControl(folder, { source: "source", size: 10, done: half }),
    "has ranges that run backwards": (folder) =>
      writeControl(folder, { source: "source", size: 100, done: [{ start: 9, end: 3 }] }),
  })
) {
  Deno.test(`download() begins anew where the control file ${what}`, () =>
    withFile({ body }, async ({ fetch, folder, counts }) => {
      await leavePartial(folder, body, half);
      await damage(folder);
      assertEquals((await fetch()).digest, sha256(body));
      assertEquals(counts.reused, 0);
    }));
}

Deno.test("download() of an object that changes midway begins anew with the new one", () =>
  withFile({ body }, async (bench) => {
    let asked = 0;
    bench.file.before = () => {
      if (++asked === 4) bench.file.body = other;
    };
    assertEquals((await bench.fetch()).digest, sha256(other));
    assertStringIncludes(bench.notes.join(), "beginning anew");
  }));

Deno.test("download() of an object that never stays the same gives up", () =>
  withFile({ body }, async (bench) => {
    let turn = 0;
    const spoil = () => bench.file.etag = `"${turn++}"`;
    const timer = setInterval(spoil, 1);
    try {
      const found = await bench.fetch().catch((error) => error);
      if (found instanceof Error) assertStringIncludes(found.message, "each time");
      else assertEquals(found.digest, sha256(body));
    } finally {
      clearInterval(timer);
    }
  }));

Deno.test("download() with a pinned digest lets the nodes of a CDN disagree about the ETag", () =>
  withFile({ body }, async ({ fetch, file }) => {
    file.faults = [8, 10, 12].map((at) => ({
      atByte: at * mebibyte,
      headers: { etag: `"node-${at}"` },
    }));
    assertEquals((await fetch({}, { digest: sha256(body) })).digest, sha256(body));
    assertEquals(file.faults.length, 0);
  }));

for (const ranges of ["early", "total", "encoded"] as const) {
  Deno.test(`download() never uses a range that is not what was asked for (${ranges})`, () =>
    withFile({ body, ranges }, async ({ fetch, file, origin }) => {
      if (ranges === "early") {
        file.ranges = "honour";
        setTimeout(() => file.ranges = "early", 0);
      }
      const found = await fetch().catch((error: Error) => error);
      if (found instanceof Error) assertStringIncludes(found.message, "each time");
      else assertEquals(found.digest, sha256(body));
      assert(origin.requests.length < 60);
    }));
}

for (const unsignedStatus of [400, 401, 403, 404, 410]) {
  Deno.test(`download() asks the original URL again when the signed one answers ${unsignedStatus}`, () =>
    withFile(
      { body, signedUses: 3, unsignedStatus },
      async (bench) => {
        assertEquals((await bench.fetch({}, { connections: 2 })).digest, sha256(body));
        const statuses = bench.origin.requests.map(({ status }) => status);
        assert(statuses.includes(unsignedStatus));
        assert(statuses.filter((status) => status === 302).length >= 2);
        assert(bench.origin.requests.some(({ path }) => path.includes("signature=a%2Fb%20c")));
      },
    ));
}

for (const status of [400, 403, 410]) {
  Deno.test(`download() asks once more where a redirect leads to a URL that is not good yet (${status})`, async () => {
    await using elsewhere = startOrigin({ "/g": { body: little, faults: [{ status }] } });
    await withFile({ body, redirect: elsewhere.url("/g") }, async ({ fetch, origin }) => {
      assertEquals((await fetch()).digest, sha256(little));
      assertEquals(origin.requests.map(({ status }) => status), [302, 302]);
      assertEquals(elsewhere.requests.map((each) => each.status), [status, 206]);
      elsewhere.files.get("/g")!.faults = [{ status }, { status }];
      await assertRejects(() => fetch(), KedgeError, `answered ${status}`);
    });
  });
}

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

Deno.test("download() sends no credentials to the origin that a redirect leads to", async () => {
  await using elsewhere = startOrigin({ "/g": { body } });
  await withFile({ body, redirect: elsewhere.url("/g") }, async ({ fetch, origin }) => {
    const headers = { authorization: "Bearer s3cret" };
    assertEquals((await fetch({ headers })).digest, sha256(body));
    assertEquals(origin.requests[0]!.headers.get("authorization"), "Bearer s3cret");
    assert(elsewhere.requests.length > 4);
    assert(elsewhere.requests.every(({ headers }) => !headers.has("authorization")));
  });
});

Deno.test("download() is not allowed where a range is refused for good", () =>
  withFile({ body, faults: [{ atByte: 8 * mebibyte, status: 403 }] }, async ({ fetch }) => {
    await assertRejects(() => fetch(), NotAllowedError);
  }));

Deno.test("download() uses fewer connections when the server wants that (429, 503)", () =>
  withFile({ body, bytesPerSecond: 80 * mebibyte }, async ({ fetch, file, origin }) => {
    file.faults = [
      { atByte: 8 * mebibyte, status: 429, headers: { "retry-after": "0" } },
      { atByte: 10 * mebibyte, status: 503, headers: { "retry-after": "0" } },
    ];
    assertEquals((await fetch()).digest, sha256(body));
    assertEquals(origin.requests.filter(({ status }) => status === 429).length, 1);
  }));

Deno.test("download() waits as long as Retry-After says when it has only one connection", () =>
  withFile({ body }, async ({ fetch, file }) => {
    const fault = { status: 503, headers: { "retry-after": "1" } };
    file.faults = [{ ...fault, atByte: 8 * mebibyte }];
    const started = performance.now();
    assertEquals((await fetch({}, { connections: 1 })).digest, sha256(body));
    assert(performance.now() - started >= 990);
  }));

Deno.test("download() does not count a busy server that says how long to wait among the faults", async () => {
  const at = { atByte: 8 * mebibyte };
  const busy = { ...at, status: 503, headers: { "retry-after": "0" } };
  const cut = { ...at, close: true };
  const faults = [busy, cut, busy, cut, busy, cut, busy, busy];
  await withFile({ body, faults }, async ({ fetch }) => {
    assertEquals((await fetch({}, { connections: 1 })).digest, sha256(body));
  });
  await withFile({ body, faults: Array(30).fill(busy) }, async ({ fetch }) => {
    const fetching = fetch({}, { connections: 1 });
    await assertRejects(() => fetching, UnreachableError, "answered 503, tried 7 times");
  });
});

Deno.test("download() ends a connection that brings nothing and asks again", () =>
  withFile({ body, faults: [{ atByte: 8 * mebibyte, stallAfter: 400_000 }] }, async (bench) => {
    assertEquals((await bench.fetch({}, { idleTimeoutMs: 200 })).digest, sha256(body));
    assertStringIncludes(bench.notes.join(), "no byte came within 200 ms");
  }));

Deno.test("download() ends a connection that brings too little, says so, and goes on with another", () =>
  withFile({ body: filled(400_000, 5), bytesPerSecond: 8000 }, async ({ fetch, notes, file }) => {
    const recovers = setInterval(() => {
      if (notes.length > 0) delete file.bytesPerSecond;
    }, 20);
    try {
      const found = await fetch({}, { idleTimeoutMs: 1500, minBytesPerSecond: 1_000_000 });
      assertEquals(found.digest, sha256(file.body));
      assertStringIncludes(notes.join(), "fewer than 1000000 bytes a second came");
    } finally {
      clearInterval(recovers);
    }
  }));

Deno.test("download() waits for a body that is slow after its first bytes", () =>
  withFile({ body: filled(40_000, 5), bytesPerSecond: 8000 }, async ({ fetch, notes, file }) => {
    const found = await fetch({}, { idleTimeoutMs: 2000, minBytesPerSecond: 100 });
    assertEquals([found.digest, notes], [sha256(file.body), []]);
  }));

Deno.test("download() gives up a range that fails each time, and keeps the rest for the next run", () =>
  withFile({ body }, async ({ fetch, file, folder, counts }) => {
    const close = { atByte: 16 * mebibyte, close: true };
    file.faults = Array.from({ length: 60 }, () => close);
    file.before = async ({ headers }) => {
      const isFaulty = headers.get("range")!.startsWith(`bytes=${close.atByte}-`);
      while (isFaulty && counts.moved <= 8 * mebibyte) await delay(2);
    };
    await assertRejects(() => fetch(), UnreachableError, "tried");
    const control = await readControl(folder, "source");
    assert(control!.done.reduce((sum, { start, end }) => sum + end - start, 0) > 8 * mebibyte);
    file.faults = [];
    assertEquals((await fetch()).digest, sha256(body));
  }));

Deno.test("download() steals the second half of the range that would take longest", () =>
  withFile({ body: filled(9 * mebibyte, 4) }, async ({ fetch, file, origin }) => {
    file.bytesPerSecond = 3 * mebibyte;
    const found = await fetch({}, { connections: 4 });
    assertEquals(found.size, 9 * mebibyte);
    assert(origin.requests.length > 2, `${origin.requests.length}`);
  }));

Deno.test("download() tells of bytes once they are durable, the last half second's at the latest", () =>
  withFile(
    { body: filled(2 * mebibyte, 7), bytesPerSecond: mebibyte },
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
          told.push({ moved, durable });
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

Deno.test("download() brings no byte twice where it takes over from an answer that was shorter than asked for", () =>
  withFile(
    { body: filled(48 * mebibyte, 6), ranges: "short", shortBytes: 6 * mebibyte },
    async ({ fetch, file, origin, counts }) => {
      const second = 6 * mebibyte;
      file.faults = [{ atByte: second, stallAfter: mebibyte }];
      const { digest } = await fetch({}, { connections: 2, idleTimeoutMs: 4000 });
      assertEquals(digest, sha256(file.body));
      assertEquals(counts.moved, file.body.length);
      const starts = origin.requests.map(({ headers }) =>
        Number(/=(\d+)/.exec(headers.get("range")!)![1])
      );
      const inside = starts.filter((at) => at > second + mebibyte && at < 2 * second);
      assert(inside.length > 0, `nobody took over: ${starts}`);
    },
  ));

Deno.test("download() stopped by its signal leaves what came", () =>
  withFile({ body, bytesPerSecond: mebibyte }, async ({ fetch, folder }) => {
    const stop = new AbortController();
    const fetched = assertRejects(() => fetch({}, { signal: stop.signal }), Error, "enough");
    while (!await holdsBytes(join(folder, "data"))) await delay(2);
    stop.abort(new Error("enough"));
    await fetched;
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
