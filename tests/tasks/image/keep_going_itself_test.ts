/** A list with an index that would lose images in its own place: the others are copied where that is wanted. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { exitCodeOf, UsageError } from "../../../lib/base/errors.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage, writeIndex } from "../../support/layout.ts";

const platforms = ["amd64", "arm64"].map((architecture) => ({
  layers: [architecture],
  platform: { os: "linux", architecture },
}));

for (const dryRun of [true, false]) {
  Deno.test(`syncImages() goes on without an index that is to be cut in its own place, with keepGoing${dryRun ? ", in a dry run too" : ""}`, async () => {
    await using room = await ImageRoom.make();
    const [self, from, to] = ["self", "from", "to"].map((name) => `oci:${room.path(name)}`);
    for (const tag of ["a", "b"]) await writeIndex(room.path("self"), tag, platforms);
    await writeImage(room.path("from"), "v1", { layers: ["layer"] });
    const error = await assertRejects(
      () =>
        syncImages({
          images: [
            { from: `${self}:a`, to: `${self}:a` },
            { from: `${from}:v1`, to: `${to}:v1` },
            { from: `${self}:b`, to: [`${self}:b`, `${to}:b`] },
          ],
          keepGoing: true,
        }, { ...room.context, dryRun }),
      AggregateError,
    );
    assertEquals(error.message, "Cannot sync 2 of 4 images");
    assertEquals(exitCodeOf(error), new UsageError("").exitCode);
    for (const [at, tag] of ["a", "b"].entries()) {
      assertStringIncludes(error.errors[at].message, `Cannot sync "${self}:${tag}" to itself`);
    }
    const names = (await new Layout(room.path("to")).entries()).flatMap((each) =>
      nameOf(each) ?? []
    );
    assertEquals(names.sort(), dryRun ? [] : ["b", "v1"]);
  });
}
