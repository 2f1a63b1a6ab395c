/** Indexes within indexes. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { putContent, writeImage } from "../../support/layout.ts";
import { ImageRoom } from "../../support/image_room.ts";

/** Puts an index of what is there already. */
async function putIndex(
  folder: string,
  tag: string | undefined,
  manifests: readonly Descriptor[],
): Promise<Descriptor> {
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  const index = await putContent(folder, text, MediaType.ociIndex);
  if (tag !== undefined) await new Layout(folder).point(tag, index);
  return index;
}

async function putImage(folder: string, platform: string): Promise<Descriptor> {
  const [os = "", architecture = "", variant] = platform.split("/");
  const told = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  const image = await writeImage(folder, undefined, { layers: [platform], platform: told });
  return { ...image, platform: told };
}

Deno.test("syncImage() looks for a platform in indexes within an index too, whatever reads them", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const made = room.path("made");
  const [arm, fast, amd, s390, bare] = [
    await putImage(made, "linux/arm64"),
    await putImage(made, "linux/amd64/v3"),
    await putImage(made, "linux/amd64"),
    await putImage(made, "linux/s390x"),
    await putImage(made, "linux/riscv64"),
  ];
  const { platform: riscv, ...silent } = bare;
  const below = await putIndex(made, undefined, [amd]);
  const nested = await putIndex(made, undefined, [s390, below]);
  const ofOne = await putIndex(made, undefined, [silent]);
  const index = await putIndex(made, "v1", [fast, nested, { ...ofOne, platform: riscv }, arm]);
  const there = `docker://${registry.host}/a:v1`;
  const whole = await room.sync(`oci:${made}:v1`, there, { allPlatforms: true });
  assertEquals(whole.digest, index.digest);
  for (const from of [`oci:${made}:v1`, there]) {
    const digestOf = async (...platforms: string[]) => {
      const to = `oci:${room.path(`to-${crypto.randomUUID()}`)}:v1`;
      return (await room.sync(from, to, { platforms })).digest;
    };
    assertEquals(await digestOf("linux/arm64"), arm.digest);
    assertEquals(await digestOf("linux/amd64"), amd.digest);
    assertEquals(await digestOf("linux/amd64/v3"), fast.digest);
    assertEquals(await digestOf("linux/s390x"), s390.digest);
    assertEquals(await digestOf("linux/riscv64"), bare.digest);
    const to = room.path(`some-${crypto.randomUUID()}`);
    const platforms = ["linux/arm64", "linux/riscv64", "linux/amd64"];
    const some = await room.sync(from, `oci:${to}:v1`, { platforms });
    const narrowed = await new Layout(to).manifest(some.digest as typeof index.digest);
    assertEquals(narrowed?.manifests, [amd, bare, arm]);
    assertEquals((await room.sync(from, `oci:${to}:v1`, { platforms })).changed, false);
    const error = await assertRejects(() => digestOf("linux/ppc64le"), KedgeError);
    assertEquals(
      error.hint,
      "it has linux/amd64/v3, linux/s390x, linux/amd64, linux/riscv64, linux/arm64",
    );
  }
});

Deno.test("syncImage() reads an index within an index once, and none for other platforms", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const made = room.path("made");
  const image = await putImage(made, "linux/amd64");
  // Each names the one below twice: without care, 127 readings.
  let index = await putIndex(made, undefined, [image]);
  for (let depth = 1; depth < 7; depth++) {
    index = await putIndex(made, undefined, [index, { ...index, annotations: { again: "yes" } }]);
  }
  const arm = await putIndex(made, undefined, [await putImage(made, "linux/arm64")]);
  const platform = { os: "linux", architecture: "arm64" };
  await putIndex(made, "v1", [{ ...arm, platform }, index]);
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${made}:v1`, there, { allPlatforms: true });
  // An index that is not wanted need not be there either, as in a mirror of some platforms.
  registry.store.repository("a").manifests.delete(arm.digest);
  registry.requests.length = 0;
  const to = `oci:${room.path("to")}:v1`;
  const options = { from: there, to, platforms: ["linux/amd64"] };
  const { digest } = await syncImage(options, room.context);
  assertEquals(digest, image.digest);
  const read = registry.requests.filter(({ path }) => path.includes("/manifests/sha256"));
  assertEquals(read.length, 8);
});

Deno.test("syncImage() needs no index within an index where the outer one has what is wanted itself", async () => {
  await using room = await ImageRoom.make();
  const made = room.path("made");
  const [amd, arm, other] = [
    await putImage(made, "linux/amd64"),
    await putImage(made, "linux/arm64/v8"),
    await putImage(made, "linux/arm64/v9"),
  ];
  const lost = await putIndex(made, undefined, [other]);
  await Deno.remove(new Layout(made).blobPath(lost.digest));
  const platform = { os: "linux", architecture: "amd64" };
  await putIndex(made, "v1", [{ ...lost, platform }, lost, amd, arm]);
  const digestOf = async (...platforms: string[]) => {
    const to = `oci:${room.path(`to-${crypto.randomUUID()}`)}:v1`;
    return (await room.sync(`oci:${made}:v1`, to, { platforms })).digest;
  };
  assertEquals(await digestOf("linux/amd64"), amd.digest);
  assertEquals(await digestOf("linux/arm64"), arm.digest);
  assertEquals(await digestOf("linux/arm64/v8"), arm.digest);
  await digestOf("linux/arm64", "linux/amd64");
  for (const missing of ["linux/arm64/v9", "linux/amd64/v3", "linux/s390x"]) {
    const error = await assertRejects(() => digestOf(missing), VerificationError, lost.digest);
    assertStringIncludes(error.hint ?? "", "more is listed than is there");
  }
});

Deno.test("syncImage() refuses indexes that are nested too deep, or are not as they are said to be", async () => {
  await using room = await ImageRoom.make();
  const made = room.path("made");
  const image = await putImage(made, "linux/amd64");
  const sync = (tag: string) =>
    room.sync(`oci:${made}:${tag}`, `oci:${room.path("to")}:v1`, { platforms: ["linux/amd64"] });
  let index = await putIndex(made, undefined, [image]);
  for (let depth = 1; depth < 7; depth++) index = await putIndex(made, undefined, [index]);
  await putIndex(made, "deep", [index]);
  assertEquals((await sync("deep")).digest, image.digest);
  await putIndex(made, "deeper", [await putIndex(made, undefined, [index])]);
  await assertRejects(() => sync("deeper"), VerificationError, "nested more than 8 deep");
  const nested = await putIndex(made, undefined, [image]);
  await putIndex(made, "lying", [{ ...nested, size: nested.size + 1 }]);
  await assertRejects(() => sync("lying"), VerificationError, "and its index says");
  await Deno.writeTextFile(new Layout(made).blobPath(nested.digest), "{}");
  await putIndex(made, "damaged", [nested]);
  await assertRejects(() => sync("damaged"), VerificationError);
});

Deno.test("syncImage() refuses an index where its own index says that there is an image", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const made = room.path("made");
  const nested = await putIndex(made, undefined, [await putImage(made, "linux/amd64")]);
  await putIndex(made, "v1", [nested]);
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${made}:v1`, there, { allPlatforms: true });
  const platform = { os: "linux", architecture: "amd64" };
  const lying = { ...nested, mediaType: MediaType.ociManifest, platform };
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: [lying],
  });
  const bytes = new TextEncoder().encode(text);
  registry.store.putManifest("a", { mediaType: MediaType.ociIndex, bytes }, "v1");
  const error = await assertRejects(
    () => room.sync(there, `oci:${room.path("to")}:v1`, { platforms: ["linux/amd64"] }),
    VerificationError,
  );
  assert(error.message.includes("is an image, and it is an index"), error.message);
});
