/** A list of pinned tags of which one cannot be had any more: the others are copied, and what the lockfile has to do with it is told. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { KedgeError } from "../../../lib/base/errors.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { syncImages, type SyncImagesOptions } from "../../../tasks/image/list.ts";
import { PinRoom } from "../../support/pin_room.ts";

async function tagsIn(folder: string): Promise<string[]> {
  return (await new Layout(folder).entries()).flatMap((entry) => nameOf(entry) ?? []).sort();
}

async function failures(
  room: PinRoom,
  options: SyncImagesOptions,
): Promise<{ message: string; errors: KedgeError[] }> {
  return await assertRejects(
    () => syncImages({ ...options, pin: true, keepGoing: true }, room.context()),
    AggregateError,
  );
}

Deno.test("syncImages() says of a pinned digest that is gone what pins it, and pins the others that it copied, with keepGoing", async () => {
  await using room = await PinRoom.make();
  const first = await room.push("v1", "old");
  await room.syncTags("v1");
  const [second, third] = [await room.push("v1", "new"), await room.push("v2", "other")];
  room.registry.store.repository("team/vm").manifests.delete(first);
  const to = `${room.folder}/elsewhere`;
  const images = [{ from: room.repository, to: `oci:${to}`, tags: "v.*" }];
  room.notes.length = 0;
  const { message, errors } = await failures(room, { images });
  assertEquals(message, "Cannot sync 1 of 2 images");
  const name = `${room.repository}:v1`;
  const told = `Cannot find "${name}": "${room.lockfile}" pins ${first}, and the registry has none`;
  assertEquals(errors.map((error) => error.message), [told]);
  assertStringIncludes(errors[0]!.hint ?? "", `--update=${name}`);
  assertEquals(room.notes.filter((note) => note.startsWith(told)).length, 1);
  assertEquals(await tagsIn(to), ["v2"]);
  assertEquals(await room.pins(), { v1: first, v2: third });
  const again = { images, pin: true, keepGoing: true };
  await syncImages(again, room.context({ update: "all" }));
  assertEquals(await tagsIn(to), ["v1", "v2"]);
  assertEquals(await room.pins(), { v1: second, v2: third });
});
