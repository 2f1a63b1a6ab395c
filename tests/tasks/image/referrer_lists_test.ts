/** Lists of referrers that are copied to where another one stands. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { syncImage, type SyncImageOptions } from "../../../tasks/image/image.ts";
import { inspectImage } from "../../../tasks/image/inspect.ts";
import type { SyncImagesOptions, SyncImagesResult } from "../../../tasks/image/list.ts";
import { FakeRegistry, type Quirk } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";
import { signedBy } from "../../support/signed_image.ts";

const fake = (quirks: Quirk[]) => () => Promise.resolve(new FakeRegistry({ quirks }));

for (
  const [kind, open, programs] of [
    ["a layout", fake([]), []],
    ["a registry with an API", fake([]), []],
    ["a registry without an API", fake(["no-referrers"]), []],
    ["docker-registry", startRegistry, ["docker-registry"]],
  ] as const
) {
  const name = `syncImages() leaves on a list of referrers in ${kind} what is there besides`;
  realTest(name, programs, async () => {
    await using room = await ImageRoom.make();
    await using registry = await open();
    const to = kind === "a layout" ? `oci:${room.path("to")}` : `docker://${registry.host}/a`;
    const people = async () => {
      const list = await inspectImage({ image: `${to}:${tag}` });
      return list.images.map(({ blobs }) => blobs[1]!.digest).sort();
    };
    const { tag } = await signedBy(room.path("theirs"), ["ann", "bob"]);
    await signedBy(room.path("ours"), ["bob", "eve"]);
    const sync = (name: string, options: Partial<SyncImagesOptions> = {}) =>
      room.syncAll({ images: [{ from: `oci:${room.path(name)}`, to, tags: ".*" }], ...options });
    await sync("theirs");
    const merged = await sync("ours");
    const all = ["ann", "bob", "eve"].map(sha256).sort();
    assertEquals(await people(), all);
    for (const options of [{}, { verifyExisting: true }, { referrers: true }]) {
      for (const name of ["ours", "theirs"]) {
        const again = await sync(name, options);
        assertEquals([again.changed, again.bytesMoved], [false, 0], `${name} ${options}`);
        assertEquals(again.images.some(({ digest }) => digest === digestOf(merged)), true);
      }
    }
    await signedBy(room.path("ours"), ["zoe"]);
    assertEquals((await sync("ours", { verifyExisting: true })).changed, true);
    assertEquals(await people(), [...all, sha256("zoe")].sort());
    // What is on the lists of both is found at a third place as at the first.
    await room.syncAll({ images: [{ from: to, to: `oci:${room.path("end")}`, tags: ".*" }] });
    const end = new Layout(room.path("end"));
    assertEquals(
      (await end.find(tag))?.digest,
      (await inspectImage({ image: `${to}:${tag}` })).digest,
    );

    function digestOf({ images }: SyncImagesResult): string {
      return images.find(({ reference }) => reference.includes(`:${tag}@`))!.digest;
    }
  });
}

for (const kind of ["a layout", "a registry without an API"]) {
  Deno.test(`syncImages() leaves on a list of referrers in ${kind} what an image of the same run brings along`, async () => {
    await using room = await ImageRoom.make();
    await using registry = new FakeRegistry({ quirks: ["no-referrers"] });
    const from = room.path("from");
    const { image, signed, tag } = await signedBy(from, ["ann"]);
    // This one is on no list, but stands in the index, as oras writes it.
    const extra = { subject: image, annotations: { by: "bob" } };
    const other = await writeImage(from, undefined, { layers: ["bob"], extra });
    await new Layout(from).point(undefined, other);
    const to = kind === "a layout" ? `oci:${room.path("to")}` : `docker://${registry.host}/a`;
    const images = [{ from: `oci:${from}`, to, tags: ".*" }];
    for (const changed of [true, false]) {
      assertEquals((await room.syncAll({ images, referrers: true })).changed, changed);
      const list = await inspectImage({ image: `${to}:${tag}` });
      assertEquals(
        list.images.map(({ digest }) => digest).sort(),
        [signed.get("ann")!.digest, other.digest].sort(),
      );
    }
  });
}

Deno.test("syncImage() with referrers brings back what a registry lost of a list, and takes off what no one has", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-referrers"] });
  const theirs = await signedBy(room.path("theirs"), ["ann", "bob"]);
  const { tag, signed } = await signedBy(room.path("ours"), ["bob"]);
  const to = `docker://${registry.host}/a:${tag}`;
  await room.sync(`oci:${room.path("theirs")}:${tag}`, to);
  const { manifests } = registry.store.repository("a");
  for (const { digest } of theirs.signed.values()) manifests.delete(digest);
  await room.sync(`oci:${room.path("ours")}:${tag}`, to, { referrers: true });
  const { images } = await inspectImage({ image: to });
  assertEquals(images.map(({ digest }) => digest), [signed.get("bob")!.digest]);
});

Deno.test("syncImage() asks for nothing of a list of referrers that says more than the source's, unless that is to be verified", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-referrers"] });
  const { tag } = await signedBy(room.path("theirs"), ["ann", "bob"]);
  await signedBy(room.path("ours"), ["bob"]);
  const to = `docker://${registry.host}/a:${tag}`;
  await room.sync(`oci:${room.path("theirs")}:${tag}`, to);
  const asked = async (options: Partial<SyncImageOptions>) => {
    registry.requests.length = 0;
    const from = `oci:${room.path("ours")}:${tag}`;
    assertEquals((await syncImage({ from, to, ...options }, room.context)).changed, false);
    return registry.requests.map(({ method }) => method);
  };
  assertEquals(await asked({}), ["HEAD", "GET"]);
  assertEquals((await asked({ verifyExisting: true })).filter((each) => each === "HEAD"), [
    ...["HEAD", "HEAD", "HEAD", "HEAD"],
  ]);
});

for (
  const [kind, quirks] of [["an API", []], ["no API", ["no-referrers"]]] as const
) {
  Deno.test(`syncImage() takes off a list of referrers what a registry with ${kind} lost, and believes the source's sizes`, async () => {
    await using room = await ImageRoom.make();
    await using registry = new FakeRegistry({ quirks });
    const theirs = await signedBy(room.path("theirs"), ["ann", "bob", "dan"]);
    const ours = await signedBy(room.path("ours"), ["bob", "eve"]);
    const { tag } = theirs;
    const to = `docker://${registry.host}/a:${tag}`;
    await room.sync(`oci:${room.path("theirs")}:${tag}`, to);
    const { manifests, tags } = registry.store.repository("a");
    manifests.delete(theirs.signed.get("ann")!.digest);
    const listed = () =>
      JSON.parse(new TextDecoder().decode(manifests.get(tags.get(tag)!)!.bytes))
        .manifests as Descriptor[];
    const lying = listed().map((entry) =>
      entry.digest === theirs.signed.get("bob")!.digest ? { ...entry, size: 7 } : entry
    );
    const bytes = new TextEncoder().encode(JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: lying,
    }));
    registry.store.putManifest("a", { mediaType: MediaType.ociIndex, bytes }, tag);
    const notes: string[] = [];
    await syncImage({ from: `oci:${room.path("ours")}:${tag}`, to }, {
      ...room.context,
      report: (event) => void (event.type === "note" && notes.push(event.message)),
    });
    const ann = theirs.signed.get("ann")!.digest;
    assertEquals(notes, [`${to} lists ${ann}, which is gone there, and lists it no more`]);
    const [dan, bob, eve] = [
      theirs.signed.get("dan"),
      ours.signed.get("bob"),
      ours.signed.get("eve"),
    ];
    assertEquals(
      listed().map(({ digest, size }) => [digest, size]),
      [dan, bob, eve].map((each) => [each!.digest, each!.size]),
    );
  });
}

Deno.test("syncImage() replaces what stands in the place of a list of referrers and is none, and says so", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-referrers"] });
  const { tag } = await signedBy(room.path("ours"), ["bob"]);
  const from = `oci:${room.path("ours")}:${tag}`;
  const list = (await new Layout(room.path("ours")).find(tag))!.digest;
  const to = `docker://${registry.host}/a:${tag}`;
  await room.sync(`oci:${room.path("ours")}:v1`, to);
  assertEquals((await room.sync(from, to)).digest, list);
  assertStringIncludes(room.notes.join(), "has no list that can be read");
  const damaged = { mediaType: MediaType.ociIndex, bytes: new TextEncoder().encode("{") };
  registry.store.putManifest("a", damaged, tag);
  assertEquals((await room.sync(from, to)).digest, list);
  assertEquals(room.notes.length, 4);
  // Under another name it is a copy of the list as it is, whatever stood there.
  const other = `docker://${registry.host}/a:other`;
  await room.sync(`oci:${room.path("ours")}:v1`, other);
  assertEquals((await room.sync(from, other)).digest, list);
  assertEquals(room.notes.length, 4);
});
