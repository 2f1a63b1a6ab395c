/** Servers that are busy, slow, silent or fail each time, and how long a download bears them. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { sha256 } from "../../../lib/base/digest.ts";
import { UnreachableError } from "../../../lib/base/errors.ts";
import { readControl } from "../../../lib/http/control_file.ts";
import { body, filled, mebibyte, withFile } from "../../support/download_bench.ts";

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
    assertEquals((await bench.fetch({}, { idleTimeoutMs: 1000 })).digest, sha256(body));
    assertStringIncludes(bench.notes.join(), "no byte came within 1000 ms");
  }));

Deno.test("download() ends a connection that brings too little, says so, and goes on with another", () =>
  withFile({ body: filled(400_000, 5), bytesPerSecond: 8000 }, async ({ fetch, notes, file }) => {
    const state = "fewer than 1000000 bytes a second came";
    const recovers = setInterval(() => {
      if (notes.join().includes(state)) delete file.bytesPerSecond;
    }, 20);
    try {
      const found = await fetch({}, { idleTimeoutMs: 1500, minBytesPerSecond: 1_000_000 });
      assertEquals(found.digest, sha256(file.body));
      assertStringIncludes(notes.join(), state);
    } finally {
      clearInterval(recovers);
    }
  }));

Deno.test("download() waits for a body that is slow after its first bytes", () =>
  withFile({ body: filled(48_000, 5), bytesPerSecond: 8000 }, async ({ fetch, notes, file }) => {
    const found = await fetch({}, { idleTimeoutMs: 4000, minBytesPerSecond: 100 });
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
