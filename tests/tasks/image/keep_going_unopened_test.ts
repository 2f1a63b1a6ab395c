/** A list of which one place cannot be opened at all: the images that have nothing to do with it are copied where that is wanted. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { syncImages, type SyncImagesOptions } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";

async function tagsIn(folder: string): Promise<string[]> {
  return (await new Layout(folder).entries()).flatMap((entry) => nameOf(entry) ?? []).sort();
}

/** A layout `from` with the images `v1` and `v2`, and a registry. */
async function withImages(
  run: (room: ImageRoom, from: string, registry: FakeRegistry) => Promise<void>,
): Promise<void> {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  for (const tag of ["v1", "v2"]) {
    await writeImage(room.path("from"), tag, { layers: [`layer of ${tag}`] });
  }
  await run(room, `oci:${room.path("from")}`, registry);
}

async function failures(room: ImageRoom, options: SyncImagesOptions): Promise<string[]> {
  const error = await assertRejects(
    () => syncImages({ ...options, keepGoing: true }, room.context),
    AggregateError,
  );
  return [error.message, ...error.errors.map(({ message }) => message)];
}

Deno.test("syncImages() goes on without the engine that is not installed, with keepGoing", () =>
  withImages(async (room, from) => {
    const program = room.path("podman");
    const told = await failures(room, {
      images: [
        { from: `${from}:v1`, to: ["podman:a:v1", `oci:${room.path("to")}:v1`] },
        { from: `${from}:v2`, to: `oci:${room.path("to")}:v2` },
      ],
      engines: { podman: { program } },
    });
    assertEquals(told[0], "Cannot sync 1 of 3 images");
    assertEquals(told.slice(1), [`Cannot run "${program}": it is not installed`]);
    assertEquals(await tagsIn(room.path("to")), ["v1", "v2"]);
  }));

Deno.test("syncImages() goes on without the registry that is blocked, as a source, a destination, and a list of tags, with keepGoing", () =>
  withImages(async (room, from, { host, requests }) => {
    const registriesConf = room.path("registries.conf");
    const text = `[[registry]]\nlocation = "${host}/shut"\nblocked = true\n`;
    await Deno.writeTextFile(registriesConf, text);
    const to = `oci:${room.path("to")}`;
    const told = await failures(room, {
      images: [
        { from: `docker://${host}/shut/a`, tags: ".*", to },
        { from: `docker://${host}/shut/b:v1`, to: [`${to}:b`, `${to}:c`] },
        { from: `${from}:v1`, to: [`docker://${host}/shut/d:v1`, `${to}:v1`] },
        { from: `${from}:v2`, to: `${to}:v2` },
      ],
      registriesConf,
    });
    const blocked = (name: string) =>
      `Cannot use "${host}/shut/${name}": the registries' configuration blocks it`;
    assertEquals(told, ["Cannot sync 4 of 6 images", ...["a", "b", "b", "d"].map(blocked)]);
    assertEquals(await tagsIn(room.path("to")), ["v1", "v2"]);
    assertEquals(requests, []);
  }));

Deno.test("syncImages() refuses malformed options and images before it asks anybody, with keepGoing too", () =>
  withImages(async (room, from, { host, requests }) => {
    const to = `oci:${room.path("to")}`;
    const images = [{ from: `docker://${host}/a`, tags: ".*", to }, { from: `${from}:v1`, to }];
    const cases: [Partial<SyncImagesOptions>, string][] = [
      [{ insecureRegistries: ["http://a"] }, 'Cannot use the insecure registry "http://a"'],
      [{ images: [...images, { from, tags: "(", to }] }, 'Cannot choose tags by "("'],
      [{ images: [...images, { from: `${from}:v1`, tags: ".*", to }] }, "it names one already"],
      [{ images: [...images, { from: "nothing", to }] }, "nothing"],
    ];
    for (const [options, message] of cases) {
      const error = await assertRejects(
        () => syncImages({ images, ...options, keepGoing: true }, room.context),
        UsageError,
      );
      assertStringIncludes(error.message, message);
    }
    assertEquals(requests, []);
  }));
