/** What is sent once more is more to be sent: nothing that is told of a push goes beyond its whole. */
import { assert, assertEquals } from "@std/assert";
import { syncImage } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";

Deno.test("syncImage() tells of no more bytes than there are to be moved where an upload is begun anew", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ faults: { loseUpload: 1 } });
  const layer = randomBytes(5_000_000);
  await writeImage(room.path("from"), "v1", { layers: [layer] });
  const seen: { bytesMoved: number; bytesToMove: number }[] = [];
  const [from, to] = [`oci:${room.path("from")}:v1`, `docker://${registry.host}/a:v1`];
  const { bytesMoved } = await syncImage({ from, to }, {
    ...room.context,
    report: (event) => {
      if (event.type !== "progress" || event.phase === "plan") return;
      seen.push(event);
      for (const { label, sizeBytes = 0, bytesMoved, bytesReused } of event.objects ?? []) {
        assert(bytesMoved + bytesReused <= sizeBytes, `${label}: ${bytesMoved} of ${sizeBytes}`);
      }
    },
  });
  const wrong = seen.filter(({ bytesMoved, bytesToMove }) => bytesMoved > bytesToMove);
  assertEquals(wrong, []);
  const { bytesMoved: last, bytesToMove: whole } = seen.at(-1)!;
  assertEquals([last, whole, last > layer.byteLength], [bytesMoved, bytesMoved, true]);
});
