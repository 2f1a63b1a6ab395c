import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type Digest, sha256 } from "../../../../lib/base/digest.ts";
import { KedgeError, VerificationError } from "../../../../lib/base/errors.ts";
import { collectGarbage } from "../../../../lib/oci/layout/collect_garbage.ts";
import { Layout, nameOf } from "../../../../lib/oci/layout/layout.ts";
import { LayoutSource } from "../../../../lib/oci/layout/layout_source.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { blobsOf, writeImage } from "../../../support/layout.ts";

async function* once(text: string): AsyncIterable<Uint8Array> {
  yield await Promise.resolve(new TextEncoder().encode(text));
}

const hello = { mediaType: "text/plain", digest: sha256("hello"), size: 5 };

Deno.test("Layout keeps several tags, and moves one without touching the others", () =>
  inFolder(async (folder) => {
    const layout = new Layout(join(folder, "l"));
    const first = await writeImage(layout.folder, "a", { layers: ["1"] });
    const second = await writeImage(layout.folder, "b", { layers: ["2"] });
    await layout.point("a", second);
    await layout.point(undefined, first);
    assertEquals((await layout.entries()).map((entry) => [nameOf(entry), entry.digest]), [
      ["b", second.digest],
      ["a", second.digest],
      [undefined, first.digest],
    ]);
    await layout.drop((entry) => nameOf(entry) === "b");
    assertEquals((await layout.entries()).map(nameOf), ["a", undefined]);
  }));

Deno.test("Layout keeps what others wrote without a name, and replaces only what it wrote itself", () =>
  inFolder(async (folder) => {
    const layout = new Layout(folder);
    const images = [];
    for (const layer of ["1", "2", "3", "4"]) {
      images.push(await writeImage(folder, undefined, { layers: [layer] }));
    }
    const [theirs, signature, first, second] = images.map(({ digest }) => digest);
    const index = {
      schemaVersion: 2,
      manifests: [images[0], { ...images[1], artifactType: "application/vnd.example" }],
      annotations: { "org.example.made": "elsewhere" },
    };
    await Deno.writeTextFile(join(folder, "index.json"), JSON.stringify(index));
    assertEquals(await layout.find(undefined), undefined);
    for (const [image, digest] of [[images[2]!, first], [images[3]!, second]] as const) {
      await layout.point(undefined, image);
      const entries = await layout.entries();
      assertEquals(entries.map((entry) => entry.digest), [theirs, signature, digest]);
      assertEquals(entries.map(nameOf), [undefined, undefined, undefined]);
      assertEquals((await layout.find(undefined))?.digest, digest);
    }
    const { manifests, ...rest } = JSON.parse(await Deno.readTextFile(join(folder, "index.json")));
    assertEquals(manifests.slice(0, 2), index.manifests);
    assertEquals(rest.annotations, index.annotations);
  }));

Deno.test("Layout loses nothing that writers attach to one image at the same time", () =>
  inFolder(async (folder) => {
    const subject = await writeImage(folder, "v1", { layers: ["x"] });
    const referrers = [];
    for (let number = 0; number < 10; number++) {
      const image = { layers: [`signature ${number}`], extra: { subject } };
      referrers.push(await writeImage(folder, undefined, image));
    }
    await Promise.all(referrers.map(async ({ digest }) => {
      const layout = new Layout(folder);
      await layout.attach(subject.digest, (await layout.manifest(digest))!);
    }));
    const source = new LayoutSource({ transport: "oci", folder });
    const found = (await source.referrers(subject.digest)).map(({ digest }) => digest);
    assertEquals(found.sort(), referrers.map(({ digest }) => digest).sort());
  }));

Deno.test("Layout writes no index that it could not read", () =>
  inFolder(async (folder) => {
    const layout = new Layout(folder);
    const image = await writeImage(folder, "a", { layers: ["1"] });
    const large = { ...image, annotations: { text: "ä".repeat(2_200_000) } };
    const error = await assertRejects(() => layout.point("b", large), KedgeError);
    assertStringIncludes(error.message, "it would have more than 4194304 bytes");
    assertEquals((await layout.entries()).map(nameOf), ["a"]);
  }));

Deno.test("Layout loses no tag to writers that run at the same time", () =>
  inFolder(async (folder) => {
    const names = Array.from({ length: 20 }, (_, number) => `tag-${number}`);
    const image = await writeImage(folder, undefined, { layers: ["x"] });
    await Promise.all(names.map((name) => new Layout(folder).point(name, image)));
    const found = (await new Layout(folder).entries()).map(nameOf);
    assertEquals(found.sort(), names.sort());
  }));

Deno.test("Layout.putBlob() gives a blob its name only when its bytes are right", () =>
  inFolder(async (folder) => {
    const layout = new Layout(folder);
    for (const wrong of ["hullo", "hell", "hello!"]) {
      await assertRejects(() => layout.putBlob(hello, once(wrong)), VerificationError);
    }
    assertEquals(await blobsOf(folder), []);
    assertEquals(await Array.fromAsync(Deno.readDir(layout.workFolder)), []);
    await layout.putBlob(hello, once("hello"));
    assertEquals(await blobsOf(folder), [hello.digest]);
  }));

Deno.test("Layout.has() tells by the whole size", () =>
  inFolder(async (folder) => {
    const layout = new Layout(folder);
    await layout.putBlob(hello, once("hello"));
    assertEquals([await layout.has(hello), await layout.has({ ...hello, size: 6 })], [true, false]);
  }));

Deno.test("Layout takes a folder that is not there, is empty, or was begun", () =>
  inFolder(async (folder) => {
    assertEquals(await new Layout(join(folder, "none")).isThere(), false);
    assertEquals(await new Layout(folder).isThere(), false);
    await new Layout(folder).putBlob(hello, once("hello"));
    assertEquals(await new Layout(folder).isThere(), false);
    await new Layout(folder).make();
    assertEquals(await new Layout(folder).isThere(), true);
  }));

Deno.test("Layout takes a folder in which a killed process left a part of its first file", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "oci-layout.tmp-1-0123abcd"), '{"imageLayout');
    assertEquals(await new Layout(folder).isThere(), false);
    await new Layout(folder).make();
    assertEquals(await new Layout(folder).isThere(), true);
  }));

Deno.test("Layout.point() marks a folder that has an index alone, and leaves a mark that stands", () =>
  inFolder(async (folder) => {
    const layout = new Layout(join(folder, "l"));
    const descriptor = await writeImage(layout.folder, "a", { layers: ["1"] });
    const mark = join(layout.folder, "oci-layout");
    await Deno.remove(mark);
    assertEquals(await layout.entries(), []);
    await layout.point("b", descriptor);
    assertEquals((await layout.entries()).map(nameOf), ["a", "b"]);
    const { ino } = await Deno.stat(mark);
    await layout.point("c", descriptor);
    assertEquals((await layout.entries()).map(nameOf), ["a", "b", "c"]);
    assertEquals((await Deno.stat(mark)).ino, ino);
    const names = await Array.fromAsync(Deno.readDir(layout.folder), ({ name }) => name);
    assertEquals(names.sort(), [".kedge", "blobs", "index.json", "oci-layout"]);
  }));

Deno.test("Layout refuses a folder that holds other things, a file, and another version", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "notes.txt"), "x");
    await assertRejects(() => new Layout(folder).isThere(), KedgeError, 'it holds "notes.txt"');
    await assertRejects(
      () => new Layout(join(folder, "notes.txt")).isThere(),
      KedgeError,
      "it is not a folder",
    );
    await Deno.symlink(join(folder, "nowhere"), join(folder, "link"));
    await assertRejects(
      () => new Layout(join(folder, "link")).isThere(),
      KedgeError,
      "it is a link to what is not there",
    );
    await Deno.writeTextFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}');
    await assertRejects(() => new Layout(folder).isThere(), VerificationError, "version 1.0.0");
  }));

Deno.test("Layout refuses a broken index and a damaged manifest", () =>
  inFolder(async (folder) => {
    const layout = new Layout(folder);
    const image = await writeImage(folder, "a", { layers: ["1"] });
    await Deno.writeTextFile(layout.blobPath(image.digest), "{}");
    await assertRejects(() => layout.manifest(image.digest), VerificationError, "not sha256:");
    await Deno.writeTextFile(join(folder, "index.json"), '{"manifests":[{"digest":"x"}]}');
    await assertRejects(() => layout.entries(), VerificationError, "Cannot read the manifest");
    await Deno.remove(join(folder, "index.json"));
    await assertRejects(() => layout.entries(), VerificationError, "it has no index.json");
  }));

Deno.test("Layout reads its files once they are whole that another program is writing in place", () =>
  inFolder(async (folder) => {
    const layout = new Layout(folder);
    await writeImage(folder, "a", { layers: ["1"] });
    for (const name of ["index.json", "oci-layout"]) {
      const path = join(folder, name);
      const text = await Deno.readTextFile(path);
      for (const cut of ["", text.slice(0, 10)]) {
        await Deno.writeTextFile(path, cut);
        const written = new Promise<void>((done) =>
          setTimeout(() => done(Deno.writeTextFileSync(path, text)), 30)
        );
        assertEquals((await layout.entries()).map(nameOf), ["a"]);
        await written;
      }
    }
  }));

Deno.test("Layout reads no index that is too large, or that never ends", () =>
  inFolder(async (folder) => {
    const layout = new Layout(folder);
    await writeImage(folder, "a", { layers: ["1"] });
    const path = join(folder, "index.json");
    await Deno.truncate(path, 5_000_000);
    await assertRejects(() => layout.entries(), VerificationError, "more than 4194304");
    await Deno.remove(path);
    await new Deno.Command("mkfifo", { args: [path] }).output();
    await assertRejects(() => layout.entries(), VerificationError, "it is not a file");
  }));

Deno.test("Layout keeps fields of the index that it does not know", () =>
  inFolder(async (folder) => {
    const layout = new Layout(folder);
    const image = await writeImage(folder, undefined, { layers: ["1"] });
    const strange = { ...image, data: "e30=", annotations: { "org.example.x": "y" } };
    await layout.point("a", strange);
    await layout.point("b", image);
    const text = await Deno.readTextFile(join(folder, "index.json"));
    assertEquals(JSON.parse(text).manifests[0].data, "e30=");
    assertEquals(JSON.parse(text).mediaType, MediaType.ociIndex);
  }));

Deno.test("Layout keeps an image that others named by another algorithm, and refuses that one alone", () =>
  inFolder(async (folder) => {
    const layout = new Layout(folder);
    const digest = `sha512:${"a".repeat(128)}` as Digest;
    const ours = await writeImage(folder, "ours", { layers: ["1"] });
    const index = join(folder, "index.json");
    const json = JSON.parse(await Deno.readTextFile(index));
    json.manifests.push(
      { ...ours, digest, annotations: { "org.opencontainers.image.ref.name": "theirs" } },
    );
    await Deno.writeTextFile(index, JSON.stringify(json));
    await layout.point("more", ours);
    assertEquals((await layout.entries()).map(nameOf), ["ours", "theirs", "more"]);
    const source = (tag: string) => new LayoutSource({ transport: "oci", folder, tag });
    const read = (tag: string) => source(tag).resolve();
    assertEquals((await read("ours")).digest, ours.digest);
    assertEquals(await source("ours").referrers(ours.digest), []);
    const state = `the digest "${digest.slice(0, 80)}" is not sha256`;
    await assertRejects(() => read("theirs"), VerificationError, state);
    await assertRejects(() => collectGarbage(layout), VerificationError, "which is not sha256");
    await layout.point("theirs", ours);
    assertEquals((await layout.find("theirs"))?.digest, ours.digest);
  }));
