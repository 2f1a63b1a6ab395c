/** What the image tasks say to options of wrong types, which only callers without types can write. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { syncImage, type SyncImageOptions } from "../../../tasks/image/image.ts";
import { collectImages } from "../../../tasks/image/gc.ts";
import { diffImages, inspectImage, listImages } from "../../../tasks/image/inspect.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { removeImages } from "../../../tasks/image/rm.ts";
import { inFolder } from "../../support/in_folder.ts";
import { putContent, writeImage } from "../../support/layout.ts";

/** Calls a task with options that its types refuse. */
type Untyped = (options?: unknown) => Promise<unknown>;

const [from, to] = ["oci:none", "oci:nowhere"];
const good: SyncImageOptions = { from, to };
const sync = syncImage as Untyped;
const syncAll = syncImages as Untyped;
const texts = "it must be a list of texts";

const cases: [string, () => Promise<unknown>, string][] = [
  ["syncImage()", () => sync(), "undefined as options: they must be an object"],
  ["syncImage()", () => sync({ to }), "undefined as from: it must be a text"],
  ["syncImage()", () => sync({ from, to: [to] }), "such a list as to: it must be a text"],
  [
    "syncImage()",
    () => sync({ from: new URL("a://b"), to }),
    "an object as from: it must be a text",
  ],
  ["syncImage()", () => sync({ ...good, platforms: "a/b" }), `"a/b" as platforms: ${texts}`],
  ["syncImage()", () => sync({ ...good, platforms: [5] }), `such a list as platforms: ${texts}`],
  ["syncImage()", () => sync({ ...good, platforms: null }), `null as platforms: ${texts}`],
  ["syncImage()", () => sync({ ...good, mirrors: "a" }), `"a" as mirrors: ${texts}`],
  [
    "syncImage()",
    () => sync({ ...good, insecureRegistries: "a:1" }),
    `"a:1" as insecureRegistries: ${texts}`,
  ],
  [
    "syncImage()",
    () => sync({ ...good, registriesConf: 5 }),
    "5 as registriesConf: it must be a text",
  ],
  ["syncImage()", () => sync({ ...good, pin: "no" }), '"no" as pin: it must be true or false'],
  [
    "syncImage()",
    () => sync({ ...good, allPlatforms: 1 }),
    "1 as allPlatforms: it must be true or false",
  ],
  [
    "syncImage()",
    () => sync({ ...good, concurrency: "8" }),
    '"8" as concurrency: it must be a whole number from 1 to 64',
  ],
  [
    "syncImage()",
    () => sync({ ...good, engines: "podman" }),
    '"podman" as engines: it must be an object',
  ],
  ["syncImages()", () => syncAll({}), "undefined as images: it must be a list"],
  ["syncImages()", () => syncAll({ images: good }), "an object as images: it must be a list"],
  ["syncImages()", () => syncAll({ images: [null] }), "null as options: they must be an object"],
  [
    "syncImages()",
    () => syncAll({ images: [{ from, to: [5] }] }),
    "such a list as to: it must be a text or a list of them",
  ],
  [
    "syncImages()",
    () => syncAll({ images: [{ ...good, tags: /a/ }] }),
    "an object as tags: it must be a text",
  ],
  [
    "removeImages()",
    () => (removeImages as Untyped)({ images: "oci:a:b" }),
    `"oci:a:b" as images: ${texts}`,
  ],
  ["inspectImage()", () => (inspectImage as Untyped)({}), "undefined as image: it must be a text"],
  ["diffImages()", () => (diffImages as Untyped)({ a: from }), "undefined as b: it must be a text"],
  ["listImages()", () => (listImages as Untyped)({ place: 1n }), "1 as place: it must be a text"],
];
for (const [name, call, state] of cases) {
  Deno.test(`${name} cannot use ${state}`, async () => {
    const error = await assertRejects(call, UsageError);
    assertEquals(error.message, `Cannot use ${state}`);
  });
}

Deno.test("collectImages() takes no blob that is too young for a grace that is not a number", () =>
  inFolder(async (folder) => {
    await writeImage(folder, "v1", { layers: ["x"] });
    const { digest } = await putContent(folder, "young", "application/octet-stream");
    for (const graceMs of [NaN, "1h"]) {
      const error = await assertRejects(
        () => (collectImages as Untyped)({ layout: `oci:${folder}`, graceMs }),
        UsageError,
      );
      assertEquals(error.message.endsWith("it must be a number of milliseconds"), true);
    }
    const path = join(folder, "blobs", "sha256", digest.slice("sha256:".length));
    assertEquals((await Deno.stat(path)).isFile, true);
  }));
