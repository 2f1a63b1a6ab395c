/** The object, its ranges or its signed URL are others in the middle of a download. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, NotAllowedError } from "../../../lib/base/errors.ts";
import { startOrigin } from "../../support/origin.ts";
import { body, filled, little, mebibyte, other, withFile } from "../../support/download_bench.ts";

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

Deno.test("download() brings no byte twice where it takes over from an answer that was shorter than asked for", () =>
  withFile(
    { body: filled(48 * mebibyte, 6), ranges: "short", shortBytes: 6 * mebibyte },
    async ({ fetch, file, origin, counts, notes }) => {
      const second = 6 * mebibyte;
      const { promise: goesOn, resolve } = Promise.withResolvers<void>();
      file.faults = [{ atByte: second, stallAfter: mebibyte, goesOn }];
      file.before = ({ headers }) => {
        const at = Number(/=(\d+)/.exec(headers.get("range")!)![1]);
        if (at > second + mebibyte && at < 2 * second) resolve();
      };
      // Unless somebody takes over, it ends with the patience of the client.
      const { digest } = await fetch({}, { connections: 2 });
      assertEquals(digest, sha256(file.body));
      assertEquals(counts.moved, file.body.length);
      const starts = origin.requests.map(({ headers }) => headers.get("range"));
      assertEquals(new Set(starts).size, starts.length);
      assertEquals(notes, []);
    },
  ));
