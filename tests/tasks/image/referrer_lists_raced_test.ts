/** Lists of referrers to which somebody attaches while they are copied. */
import { assertEquals, assertRejects } from "@std/assert";
import { VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { inspectImage } from "../../../tasks/image/inspect.ts";
import { FakeRegistry, type Quirk } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { signedBy } from "../../support/signed_image.ts";

/** Reads a registry, and does something before the first blob is given. */
function interrupted(registry: FakeRegistry, act: () => Promise<unknown>) {
  let acted: Promise<unknown> | undefined;
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const { method, headers } = request;
    if (method === "GET" && pathname.includes("/blobs/")) await (acted ??= act());
    return await fetch(`${registry.url}${pathname}`, { method, headers });
  });
}

/** A copy of a list with Ann's signature to where Bob's is; before its first blob comes, Eve's is put there too. */
async function raced(
  kind: string,
  run: (race: {
    room: ImageRoom;
    from: string;
    to: string;
    signed: Descriptor[];
    listed: () => Promise<{ digest: string; images: string[] }>;
  }) => Promise<void>,
): Promise<void> {
  await using room = await ImageRoom.make();
  await using source = new FakeRegistry();
  const quirks: Quirk[] = kind.includes("without") ? ["no-referrers"] : [];
  await using registry = new FakeRegistry({ quirks });
  const [ann, bob, eve] = [
    await signedBy(room.path("ann"), ["ann"]),
    await signedBy(room.path("bob"), ["bob"]),
    await signedBy(room.path("eve"), ["eve"]),
  ];
  const { tag } = ann;
  const to = `${
    kind === "a layout" ? `oci:${room.path("to")}` : `docker://${registry.host}/a`
  }:${tag}`;
  const push = (name: string, place: string) =>
    syncImage({ from: `oci:${room.path(name)}:${tag}`, to: place }, room.context);
  await push("ann", `docker://${source.host}/a:${tag}`);
  await push("bob", to);
  await using proxy = interrupted(source, () => push("eve", to));
  await run({
    room,
    from: `docker://127.0.0.1:${proxy.addr.port}/a:${tag}`,
    to,
    signed: [ann, bob, eve].flatMap(({ signed }) => signed.values().toArray()),
    async listed() {
      const { digest, images } = await inspectImage({ image: to });
      return { digest, images: images.map((image) => image.digest).sort() };
    },
  });
}

for (const kind of ["a layout", "a registry with an API", "a registry without an API"]) {
  Deno.test(`syncImage() leaves on a list of referrers in ${kind} what somebody attaches while it runs`, () =>
    raced(kind, async ({ room, from, to, signed, listed }) => {
      const notes: string[] = [];
      const { digest } = await syncImage({ from, to }, {
        cache: new Cache(room.path("another")),
        report: (event) => void (event.type === "note" && notes.push(event.message)),
      });
      assertEquals(await listed(), { digest, images: signed.map((each) => each.digest).sort() });
      assertEquals(notes.filter((each) => each.includes("keeps what was put on it")).length, 1);
      assertEquals((await room.sync(from, to)).changed, false);
    }));

  Deno.test(`syncImage() puts no list of referrers in ${kind} by a digest that lacks what somebody attached`, () =>
    raced(kind, async ({ room, from, to, signed, listed }) => {
      const context = { cache: new Cache(room.path("another")) };
      const { digest } = await syncImage({ from, to }, { ...context, dryRun: true });
      await assertRejects(
        () => syncImage({ from, to: `${to}@${digest}` }, context),
        VerificationError,
        "the image has the digest",
      );
      const eve = signed[2]!.digest;
      assertEquals((await listed()).images.includes(eve), true);
    }));
}

Deno.test("syncImage() puts no list of referrers that points to nothing where somebody attached the same meanwhile", async () => {
  await using room = await ImageRoom.make();
  await using source = new FakeRegistry();
  await using registry = new FakeRegistry({ quirks: ["no-referrers"] });
  const { tag, signed } = await signedBy(room.path("ann"), ["ann"]);
  const bob = await signedBy(room.path("bob"), ["bob"]);
  const eve = await signedBy(room.path("eve"), ["eve"]);
  const to = `docker://${registry.host}/a:${tag}`;
  const push = (name: string, to: string) =>
    syncImage({ from: `oci:${room.path(name)}:${tag}`, to }, room.context);
  await push("ann", `docker://${source.host}/a:${tag}`);
  await push("bob", to);
  await using proxy = interrupted(source, async () => {
    for (const name of ["ann", "eve"]) await push(name, to);
    registry.store.repository("a").manifests.delete(eve.signed.get("eve")!.digest);
  });
  const from = `docker://127.0.0.1:${proxy.addr.port}/a:${tag}`;
  await syncImage({ from, to }, { cache: new Cache(room.path("another")) });
  const { images } = await inspectImage({ image: to });
  const there = [...bob.signed.values(), ...signed.values()].map(({ digest }) => digest);
  assertEquals(images.map(({ digest }) => digest), there);
});
