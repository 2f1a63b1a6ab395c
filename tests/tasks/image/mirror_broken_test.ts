/** Mirrors that end, lie, or lack something. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Extents } from "../../../lib/http/extents.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { askedRanges, sharedBytes, untilWritten } from "../../support/asked_ranges.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { freePort } from "../../support/free_port.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";
import { layers, pull } from "../../support/mirror_pull.ts";

Deno.test("syncImage() goes on at the origin where a mirror ends, lies, lacks something or is not there", async () => {
  const cases: [string, (mirror: FakeRegistry) => void][] = [
    ["is not let in", (mirror) => mirror.faults.expireToken = 1000],
    ["cuts every body", (mirror) => mirror.faults.cutBody = 1000],
    ["gives wrong bytes", (mirror) => mirror.faults.wrongBlob = 1000],
    ["lacks the blobs", (mirror) => mirror.store.repository("a").blobs.clear()],
    ["lacks the tag", (mirror) => mirror.store.repository("a").tags.clear()],
    ["is busy", (mirror) => mirror.faults.unavailable = 1000],
    ["is not a registry", (mirror) => mirror.quirks.add("html")],
  ];
  for (const [what, spoil] of cases) {
    await using room = await ImageRoom.make();
    await using origin = new FakeRegistry();
    await using mirror = new FakeRegistry(
      what === "is not let in" ? { user: { name: "me", password: "secret" } } : {},
    );
    const image = await writeImage(room.path("from"), "v1", { layers });
    const from = `oci:${room.path("from")}:v1`;
    await room.sync(from, `docker://${origin.host}/a:v1`);
    if (what !== "is not let in") await room.sync(from, `docker://${mirror.host}/a:v1`);
    spoil(mirror);
    const there = `docker://${origin.host}/a:v1`;
    const result = await pull(room, there, "to", [`${origin.host}=${mirror.host}`]);
    assertEquals([result.digest, what], [image.digest, what]);
    assertStringIncludes(room.notes.join("\n"), /wrong/.test(what) ? "elsewhere" : "next place");
  }
});

Deno.test("syncImage() goes on at the origin in the middle of a large blob", async () => {
  await using room = await ImageRoom.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  const layer = randomBytes(70 * 1024 * 1024);
  await writeImage(room.path("from"), "v1", { layers: [layer] });
  const there = `docker://${origin.host}/a:v1`;
  await syncImage({ from: `oci:${room.path("from")}:v1`, to: there }, {
    cache: new Cache(room.path("cache")),
  });
  mirror.store.repositories.set("a", origin.store.repository("a"));
  for (const [digest, bytes] of origin.store.blobs) mirror.store.blobs.set(digest, bytes);
  const before = origin.requests.length;
  const digest = sha256(layer);
  mirror.faults.lastRanges = 3;
  mirror.beforeLoss = () => {
    const data = join(room.path("to"), ".kedge", "partials", digestHex(digest), "data");
    return untilWritten(data, new Extents(askedRanges(mirror.requests, digest)).bytes);
  };
  await pull(room, there, "to", [`${origin.host}=${mirror.host}`]);
  const asked = origin.requests.slice(before).filter(({ path }) => path.includes("/blobs/"));
  assert(asked.length > 0);
  assert(asked.every(({ range }) => range !== null));
  const [given, rest] = [mirror.requests, asked].map((each) => askedRanges(each, digest));
  assertEquals(sharedBytes(given!, rest!), 0);
});

Deno.test("syncImage() reads a large blob whose bytes are wrong once in each place", async () => {
  await using room = await ImageRoom.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  const layer = randomBytes(70 * 1024 * 1024);
  await writeImage(room.path("from"), "v1", { layers: [layer] });
  const there = `docker://${origin.host}/a:v1`;
  await syncImage({ from: `oci:${room.path("from")}:v1`, to: there }, {
    cache: new Cache(room.path("cache")),
  });
  origin.store.blobs.set(sha256(layer), layer.with(5_000_000, layer[5_000_000]! ^ 1));
  mirror.store.repositories.set("a", origin.store.repository("a"));
  for (const [digest, bytes] of origin.store.blobs) mirror.store.blobs.set(digest, bytes);
  await assertRejects(
    () => pull(room, there, "to", [`${origin.host}=${mirror.host}`]),
    VerificationError,
  );
  for (const { requests } of [mirror, origin]) {
    const ranges = askedRanges(requests, sha256(layer));
    assertEquals(new Extents(ranges).bytes, layer.length);
    assertEquals(ranges.filter(({ start }) => start === 0).length, 1);
  }
});

Deno.test("syncImage() tells the origin's failure when all places fail", async () => {
  await using room = await ImageRoom.make();
  await using origin = new FakeRegistry();
  const there = `docker://${origin.host}/a:v1`;
  const gone = `127.0.0.1:${await freePort()}`;
  const error = await assertRejects(
    () => pull(room, there, "to", [`${origin.host}=${gone}`]),
    KedgeError,
    `Cannot find "${there}"`,
  );
  assertEquals(error.side, "source");
  assertStringIncludes(room.notes.join("\n"), gone);
});
