/** A download goes on with what an earlier run left, or begins anew where that is of no use. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { writeControl } from "../../../lib/http/control_file.ts";
import { body, little, mebibyte, other, withFile } from "../../support/download_bench.ts";
import { standingClock } from "../../support/standing_clock.ts";

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

const half = [{ start: 0, end: 12 * mebibyte }];

Deno.test("download() resumes what an earlier run left, holes included", () =>
  withFile({ body }, async ({ fetch, origin, folder, counts }) => {
    await leavePartial(folder, body, [
      { start: 0, end: 5 * mebibyte },
      { start: 9 * mebibyte, end: 20 * mebibyte },
    ]);
    // What a connection takes over from a slow one is sent by both.
    using _noneIsSlow = standingClock();
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
