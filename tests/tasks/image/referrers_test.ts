import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { LayoutSource } from "../../../lib/oci/layout/layout_source.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { referrersTag, withReferrer } from "../../../lib/oci/referrers.ts";
import { RegistryClient } from "../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../lib/oci/registry/registry_host.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { inspectImage, listImages } from "../../../tasks/image/inspect.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeImage, writeIndex } from "../../support/layout.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

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

Deno.test("syncImage() looks once for each signature that a list of the destination names", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-referrers"] });
  const start = room.path("start");
  const to = `docker://${registry.host}/a:v1`;
  const subject = await writeImage(start, "v1", { layers: ["x"] });
  const sign = async (text: string) =>
    (await writeImage(start, text, { layers: [text], extra: { subject } })).digest;
  const signatures = [];
  for (let at = 0; at < 20; at++) signatures.push(await sign(`s${at}`));
  await room.sync(`oci:${start}:v1`, to, { referrers: true });
  await sign("more");
  registry.requests.length = 0;
  await syncImage({ from: `oci:${start}:v1`, to, referrers: true }, room.context);
  const looked = registry.requests.filter(({ method }) => method === "HEAD").map(({ path }) =>
    path
  );
  for (const digest of signatures) {
    assertEquals(looked.filter((path) => path.endsWith(`manifests/${digest}`)).length, 1, digest);
  }
});

Deno.test("a plan foresees what it costs where a list of what is attached names what is gone, which the registry would refuse", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-referrers"] });
  const to = `docker://${registry.host}/a`;
  const { tags, manifests } = registry.store.repository("a");
  /** An image of its own layout with these signatures. */
  const signed = async (name: string, ...signatures: string[]) => {
    const folder = room.path(name);
    const subject = await writeImage(folder, "v1", { layers: ["x"] });
    const digests = [];
    for (const text of signatures) {
      const extra = { subject, artifactType: "application/vnd.example" };
      digests.push((await writeImage(folder, text, { layers: [text], extra })).digest);
    }
    return { folder, subject, digests };
  };
  const bring = ({ folder }: { folder: string }, ...more: string[]) => {
    const images = ["v1", ...more].map((tag) => ({ from: `oci:${folder}:v1`, to: `${to}:${tag}` }));
    return room.syncAll({ images, referrers: true });
  };
  const { subject, digests: [one, two, three] } = await signed("first", "s1", "s2", "s3");
  const listed = () => {
    const list = manifests.get(tags.get(referrersTag(subject.digest))!)!;
    const entries = JSON.parse(new TextDecoder().decode(list.bytes)).manifests as Descriptor[];
    return entries.map(({ digest }) => digest);
  };
  const refused = () =>
    registry.requests.splice(0).filter(({ method, status }) => method === "PUT" && status >= 400)
      .length;
  await bring({ folder: room.path("first") });
  assertEquals(listed(), [one, two, three]);
  // One is gone, and another comes; the same of two images that share it.
  manifests.delete(one!);
  const next = await signed("second", "s4");
  await bring(next, "v2");
  const exact = () => room.events.findLast((event) => event.type === "plan")?.exact;
  assertEquals(exact(), true);
  assertEquals(listed(), [two, three, ...next.digests]);
  // Those that are gone come back, one before and one after what is new.
  for (const digest of [two!, three!]) manifests.delete(digest);
  const last = await signed("third", "s2", "s5", "s3");
  await bring(last, "v2", "v3");
  assertEquals(listed().toSorted(), [...next.digests, ...last.digests].toSorted());
  assertEquals(refused(), 0);
  // Two images of which one brings back what is gone: what that costs depends on who is first, and is said to be a bound.
  manifests.delete(one!);
  for (const digest of [two!, three!]) manifests.delete(digest);
  const [left, right] = [await signed("left", "s2", "s6"), await signed("right", "s7", "s8")];
  const images = [left, right].map(({ folder }, at) => ({
    from: `oci:${folder}:v1`,
    to: `${to}:w${at}`,
  }));
  await room.syncAll({ images, referrers: true });
  assertEquals(exact(), false);
  const all = [next, last, left, right].flatMap(({ digests }) => digests);
  const there = new Set(all.filter((digest) => digest !== three));
  assertEquals(new Set(listed()), there);
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
