/** How many requests are under way at once: as many as a registry takes. */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { Cache } from "../../../lib/cache/cache.ts";
import { Pace } from "../../../lib/http/pace.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";

/** Knows the paces of this thread by what they were told last, until it is disposed of. */
function seenPace(): Disposable & { readonly now: number } {
  const { went, refused } = Pace.prototype;
  let seen: Pace | undefined;
  Pace.prototype.went = function () {
    went.call(seen = this);
  };
  Pace.prototype.refused = function () {
    refused.call(seen = this);
  };
  return {
    get now() {
      return seen?.now ?? 1;
    },
    [Symbol.dispose]: () => void Object.assign(Pace.prototype, { went, refused }),
  };
}

Deno.test("syncImage() settles at what a registry takes at once, and goes up when it takes more", async () => {
  using pace = seenPace();
  /** Answers once as many are under way as the client lets there be, or no more come. */
  const before = async () => {
    const lateFrom = performance.now() + 300;
    while (registry.underWay < pace.now && performance.now() < lateFrom) await delay(1);
  };
  await using room = await ImageRoom.make();
  await using registry: FakeRegistry = new FakeRegistry({
    before,
    mostAtOnce: (seen) => seen < 700 ? 4 : 16,
  });
  // Each layer costs a HEAD, a POST and a PUT.
  await writeImage(room.path("from"), "v1", {
    layers: Array.from({ length: 400 }, (_, layer) => `layer ${layer}`),
  });
  await syncImage({ from: `oci:${room.path("from")}:v1`, to: `docker://${registry.host}/a:v1` }, {
    cache: new Cache(room.path("cache")),
  });
  const { requests } = registry;
  const most = (from: number, to: number) =>
    Math.max(...requests.slice(from, to).map(({ atOnce }) => atOnce));
  const refused = (from: number, to: number) =>
    requests.slice(from, to).filter(({ status }) => status === 429).length;
  // It begins with more than is taken; once it has settled, only a rare try for more is refused.
  assert(most(0, 200) > 4 && refused(0, 200) > 0);
  for (let at = 200; at < 700; at += 50) {
    const settled = most(at, at + 50);
    // Of a try for a fifth, the refusal is counted below.
    assert(settled >= 3 && settled <= 5, `it kept ${settled} under way behind request ${at}`);
  }
  assert(refused(200, 700) <= 10, `${refused(200, 700)} of 500 were refused`);
  assert(most(900, requests.length) > 8, `it went up to ${most(900, requests.length)}`);
  assertEquals(refused(720, requests.length), 0);
});
