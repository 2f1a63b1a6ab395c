/** A reference without a tag means "latest", as it does everywhere. */
import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { inspectImage } from "../../../tasks/image/inspect.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";

Deno.test("the image tasks say which tag is meant by a reference without one, where there is none", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers: ["one"] });
  const from = `docker://${registry.host}/a`;
  await room.sync(`oci:${room.path("from")}:v1`, `${from}:v1`);
  const runs = [
    () => inspectImage({ image: from }, room.context),
    () => syncImage({ from, to: `oci:${room.path("to")}` }, room.context),
  ];
  for (const run of runs) {
    const { message, hint } = await assertRejects(run, KedgeError);
    assertEquals(
      [message, hint],
      [`Cannot find "${from}": the registry has no tag "latest"`, "the nearest tags are v1"],
    );
  }
});
