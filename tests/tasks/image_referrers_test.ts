import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../lib/base/digest.ts";
import { Cache } from "../../lib/cache/cache.ts";
import type { Descriptor } from "../../lib/oci/descriptor.ts";
import { Layout } from "../../lib/oci/layout.ts";
import { LayoutSource } from "../../lib/oci/layout_source.ts";
import { MediaType } from "../../lib/oci/media_type.ts";
import { referrersTag, withReferrer } from "../../lib/oci/referrers.ts";
import { RegistryClient } from "../../lib/oci/registry_client.ts";
import { RegistryHost } from "../../lib/oci/registry_host.ts";
import { syncImage } from "../../tasks/image.ts";
import type { SyncImagesOptions, SyncImagesResult } from "../../tasks/image_list.ts";
import { inspectImage, listImages } from "../../tasks/image_inspect.ts";
import { FakeRegistry, type Quirk } from "../support/fake_registry.ts";
import { ImageRoom } from "../support/image_room.ts";
import { inFolder } from "../support/in_folder.ts";
import { writeImage, writeIndex } from "../support/layout.ts";
import { realTest } from "../support/real.ts";
import { startRegistry } from "../support/registry.ts";

Deno.test("syncImage() takes signatures along, by the referrers API, the fallback tag and through a layout", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using api = new FakeRegistry();
    await using tags = new FakeRegistry({ quirks: ["no-referrers"] });
    const start = join(folder, "start");
    const image = await writeImage(start, "v1", { layers: ["x"] });
    const layout = new Layout(start);
    const signed: string[] = [];
    for (const layers of [["a signature"], ["a list of parts"]]) {
      const extra = { subject: image, artifactType: "application/vnd.example" };
      const referrer = await writeImage(start, undefined, { layers, extra });
      signed.push(referrer.digest);
      const source = new LayoutSource({ transport: "oci", folder: start });
      const index = withReferrer(
        await source.referrers(image.digest),
        (await layout.manifest(referrer.digest))!,
      )!;
      await layout.putBytes(index.digest, index.bytes);
      await layout.point(referrersTag(image.digest), {
        mediaType: MediaType.ociIndex,
        digest: index.digest,
        size: index.bytes.byteLength,
      });
    }
    const ctx = { cache: new Cache(join(folder, "cache")) };
    const places = [
      `oci:${start}:v1`,
      `docker://${api.host}/a:v1`,
      `docker://${tags.host}/b:v1`,
      `oci:${join(folder, "end")}:v1`,
    ];
    for (let at = 1; at < places.length; at++) {
      const options = { from: places[at - 1]!, to: places[at]!, referrers: true };
      const first = await syncImage(options, ctx);
      assertEquals([first.changed, first.digest], [true, image.digest]);
      const again = await syncImage(options, ctx);
      assertEquals([again.changed, again.bytesMoved], [false, 0], places[at]!);
    }
    for (const [host, repository] of [[api.host, "a"], [tags.host, "b"]]) {
      using connection = new RegistryHost({ host: host! });
      const found = await new RegistryClient(connection, repository!).referrers.of(image.digest);
      assertEquals(found.map(({ digest }) => digest as string).sort(), signed.toSorted());
    }
    const end = new LayoutSource({ transport: "oci", folder: join(folder, "end") });
    const found = (await end.referrers(image.digest)).map(({ digest }) => digest as string);
    assertEquals(found.sort(), signed.toSorted());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a plan foresees what it costs to keep the lists of what is attached to images, where a registry keeps none", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-referrers"] });
  const start = room.path("start");
  const image = await writeImage(start, "v1", { layers: ["x"] });
  await new Layout(start).point("v2", image);
  const sign = (text: string) =>
    writeImage(start, text, {
      layers: [text],
      extra: { subject: image, artifactType: "application/vnd.example" },
    });
  const listed = () => {
    const { tags, manifests } = registry.store.repository("a");
    const list = manifests.get(tags.get(referrersTag(image.digest)) ?? "");
    return list === undefined
      ? 0
      : JSON.parse(new TextDecoder().decode(list.bytes)).manifests.length;
  };
  await sign("s1");
  await sign("s2");
  const to = `docker://${registry.host}/a`;
  // One image under two tags, with its signatures; then one signature more; then one of them under a name of its own, twice.
  const images = ["v1", "v2"].map((tag) => ({ from: `oci:${start}:${tag}`, to: `${to}:${tag}` }));
  await room.syncAll({ images, referrers: true });
  assertEquals(listed(), 2);
  await sign("s3");
  await room.syncAll({ images, referrers: true });
  assertEquals(listed(), 3);
  await room.sync(`oci:${start}:s3`, `${to}:s3`);
  await sign("s4");
  await room.sync(`oci:${start}:s4`, `${to}:s4`);
  assertEquals(listed(), 4);
  const { changed } = await room.sync(`oci:${start}:s4`, `${to}:s4`, { verifyExisting: true });
  assertEquals(changed, false);
});

Deno.test("syncImages() loses nothing of what two images attach to the same one at once", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-referrers"], latencyMs: 5 });
  const images = [];
  for (const name of ["one", "two", "three"]) {
    const folder = room.path(name);
    const image = await writeImage(folder, "v1", { layers: ["x"] });
    await writeImage(folder, "signature", { layers: [name], extra: { subject: image } });
    images.push({ from: `oci:${folder}:v1`, to: `docker://${registry.host}/a:${name}` });
  }
  await room.syncAll({ images, referrers: true });
  using host = new RegistryHost({ host: registry.host });
  const { digest } = (await new Layout(room.path("one")).find("v1"))!;
  assertEquals((await new RegistryClient(host, "a").referrers.of(digest)).length, 3);
});

realTest(
  "syncImage() takes along what cosign keeps under tags, and moves those where it was signed anew",
  ["docker-registry"],
  async () => {
    await inFolder(async (folder) => {
      await using registry = await startRegistry();
      await using other = new FakeRegistry();
      const [start, end] = [join(folder, "start"), join(folder, "end")];
      const image = await writeImage(start, "v1", { layers: ["x"] });
      const index = await writeIndex(start, "index", [{ layers: ["x"] }, { layers: ["y"] }]);
      const ctx = { cache: new Cache(join(folder, "cache")) };
      const places = [start, `${registry.host}/a`, `${other.host}/b`, end]
        .map((place) => place.startsWith("/") ? `oci:${place}` : `docker://${place}`);
      const all = { referrers: true, allPlatforms: true };
      const tagOf = async (place: string, tag: string) =>
        (await listImages({ place })).tags.includes(tag)
          ? (await inspectImage({ image: `${place}:${tag}` })).digest
          : undefined;
      for (const name of ["v1", "index"]) {
        const digest = name === "v1" ? image.digest : index.digest;
        const tags = ["sig", "att", "sbom"].map((kind) => `${referrersTag(digest)}.${kind}`);
        for (const text of ["signed once", "signed twice"]) {
          const signed = new Map<string, string>();
          for (const tag of tags) {
            const { digest } = await writeImage(start, tag, { layers: [`${text}: ${tag}`] });
            signed.set(tag, digest);
          }
          for (let at = 1; at < places.length; at++) {
            const [from, to] = [`${places[at - 1]!}:${name}`, `${places[at]!}:${name}`];
            const planned = await syncImage({ from, to, ...all }, { ...ctx, dryRun: true });
            const first = await syncImage({ from, to, ...all }, ctx);
            assertEquals({ ...planned, dryRun: false }, first);
            assertEquals([first.changed, first.digest], [true, digest]);
            const again = await syncImage({ from, to, ...all }, ctx);
            assertEquals([again.changed, again.bytesMoved], [false, 0], to);
            for (const [tag, digest] of signed) assertEquals(await tagOf(places[at]!, tag), digest);
          }
        }
      }
    });
  },
);

Deno.test("syncImage() takes signatures along that stand in a layout's index by themselves, as oras writes them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const start = join(folder, "start");
    const image = await writeImage(start, "v1", { layers: ["x"] });
    const extra = { subject: image, artifactType: "application/vnd.example" };
    const signature = await writeImage(start, "signature", { layers: ["a signature"], extra });
    const note = { subject: signature, artifactType: "application/vnd.example" };
    const signed = await writeImage(start, undefined, { layers: ["signed again"], extra: note });
    await new Layout(start).point(undefined, signed);
    const to = `oci:${join(folder, "end")}:v1`;
    const ctx = { cache: new Cache(join(folder, "cache")) };
    await syncImage({ from: `oci:${start}:v1`, to, referrers: true }, ctx);
    const end = new LayoutSource({ transport: "oci", folder: join(folder, "end") });
    for (const [subject, referrer] of [[image, signature], [signature, signed]] as const) {
      const [found] = await end.referrers(subject.digest);
      assertEquals(found?.digest, referrer.digest);
      assertEquals(found?.artifactType, "application/vnd.example");
      await end.manifest(found!);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** A place with an image and the signatures of some people, under the fallback tag. */
async function signedBy(folder: string, people: readonly string[]) {
  const image = await writeImage(folder, "v1", { layers: ["x"] });
  const layout = new Layout(folder);
  const signed = new Map<string, Descriptor>();
  for (const person of people) {
    const extra = { subject: image, annotations: { by: person } };
    const signature = await writeImage(folder, undefined, { layers: [person], extra });
    await layout.attach(image.digest, (await layout.manifest(signature.digest))!);
    signed.set(person, signature);
  }
  return { image, signed, tag: referrersTag(image.digest) };
}

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
        assertEquals(again.images.map(({ digest }) => digest).includes(digestOf(merged)), true);
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
    await syncImage({ from: `oci:${room.path("ours")}:${tag}`, to }, room.context);
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
