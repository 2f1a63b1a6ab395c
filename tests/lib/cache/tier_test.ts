/** What a tier gives, and what the origin says of that. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import {
  body,
  bytesOf,
  etagOf,
  newer,
  remembered,
  withTier,
  wrong,
} from "../../support/tier_ground.ts";

Deno.test("a tier is lent what came from the origin", () =>
  withTier(async ({ tier, run }) => {
    await run();
    assertEquals(tier.puts, [remembered(body)]);
  }));

Deno.test("a tier gives pinned contents, and the origin is not asked", () =>
  withTier(async ({ tier, origin, run }) => {
    tier.contents = body;
    const result = await run({ sha256: sha256(body) });
    assertEquals([result.digest, result.bytesMoved], [sha256(body), body.length]);
    assertEquals([origin.requests.length, tier.puts], [0, []]);
    assertStringIncludes(result.why, "the tier has it");
    assertEquals(await Deno.readFile(result.path), body);
  }));

Deno.test("a trusted tier gives what the origin confirms with a 304, for one request", () =>
  withTier(async ({ tier, origin, run }) => {
    tier.isTrusted = true;
    tier.record = remembered(body);
    tier.contents = body;
    const result = await run();
    assertEquals([result.digest, result.bytesMoved], [sha256(body), body.length]);
    assertEquals(origin.requests.map(({ status }) => status), [304]);
    assertEquals(origin.sentBytes, 0);
  }));

for (
  const [header, value] of [
    ["repr-digest", `sha-512=:AAAA:, sha-256=:${bytesOf(newer).toBase64()}:`],
    ["x-checksum-sha256", bytesOf(newer).toHex().toUpperCase()],
  ] as const
) {
  Deno.test(`a tier gives contents of the digest that the origin says by ${header}, with its validators`, () =>
    withTier(async ({ tier, origin, run, again }) => {
      const file = origin.files.get("/k.tar.gz")!;
      file.body = newer;
      file.headers = { [header]: value, "cache-control": "max-age=1000" };
      tier.record = { ...remembered(wrong), validators: { etag: etagOf(newer) } };
      tier.contents = newer;
      const result = await run();
      assertStringIncludes(result.why, "the tier has it");
      assertEquals([result.digest, tier.puts], [sha256(newer), []]);
      assertEquals(tier.opened, [sha256(newer)]);
      assertEquals(origin.requests[0]!.headers.get("want-repr-digest"), "sha-256=10");
      await again(result);
      assertEquals(origin.requests.map(({ status }) => status), [206, 304]);
    }));
}

Deno.test("a tier that knows the ETag of the origin is not believed what it stands for", () =>
  withTier(async ({ tier, origin, run, again }) => {
    const file = origin.files.get("/k.tar.gz")!;
    file.body = newer;
    tier.record = { ...remembered(newer), digest: sha256(wrong) };
    tier.contents = wrong;
    const first = await run();
    assertEquals([first.digest, tier.opened], [sha256(newer), []]);
    assertEquals(await Deno.readFile(first.path), newer);
    file.body = body;
    tier.record = { ...remembered(body), digest: sha256(wrong) };
    assertEquals((await again(first)).digest, sha256(body));
    assertEquals(tier.opened, []);
  }));

Deno.test("a tier that has other bytes than the origin says is overruled", () =>
  withTier(async ({ tier, origin, run }) => {
    origin.files.get("/k.tar.gz")!.headers = { "x-checksum-sha256": bytesOf(body).toHex() };
    tier.lies = true;
    tier.contents = wrong;
    assertEquals((await run()).digest, sha256(body));
  }));

Deno.test("what the origin says of its digest holds for what it sends", () =>
  withTier(async ({ origin, run }) => {
    origin.files.get("/k.tar.gz")!.headers = { "x-checksum-sha256": bytesOf(newer).toHex() };
    await assertRejects(() => run(), VerificationError, `${sha256(newer)} was published for it`);
  }));

Deno.test("a tier that remembers an old version is overruled by the origin", () =>
  withTier(async ({ tier, origin, run }) => {
    tier.isTrusted = true;
    tier.record = remembered(body);
    tier.contents = body;
    origin.files.get("/k.tar.gz")!.body = newer;
    assertEquals((await run()).digest, sha256(newer));
    assertEquals(tier.puts, [remembered(newer)]);
  }));

for (
  const [how, contents] of [
    ["with other bytes of the same length", new Uint8Array(body.length)],
    ["with too few bytes", body.slice(0, 1000)],
    ["with a web page", new TextEncoder().encode("<html>")],
  ] as const
) {
  Deno.test(`a tier that lies ${how} costs nothing but its bytes`, () =>
    withTier(async ({ tier, run, notes }) => {
      tier.isTrusted = true;
      tier.lies = true;
      tier.record = remembered(body);
      tier.contents = contents;
      for (const options of [{}, { sha256: sha256(body) }]) {
        const result = await run(options);
        assertEquals(result.digest, sha256(body));
        assertEquals(await Deno.readFile(result.path), body);
      }
      assertStringIncludes(notes.join(), "of no use");
    }));
}

Deno.test("a tier that says a URL is something else is not believed", () =>
  withTier(async ({ tier, run }) => {
    tier.isTrusted = true;
    tier.record = { ...remembered(newer), validators: { etag: '"made up"' } };
    tier.contents = newer;
    assertEquals((await run()).digest, sha256(body));
  }));

Deno.test("a tier that is down is noted, and the origin serves", () =>
  withTier(async ({ tier, run, notes }) => {
    tier.isTrusted = true;
    tier.failure = "connection refused";
    assertEquals((await run()).digest, sha256(body));
    assertEquals((await run({ sha256: sha256(body) })).digest, sha256(body));
    assertStringIncludes(notes.join(), "connection refused");
  }));
