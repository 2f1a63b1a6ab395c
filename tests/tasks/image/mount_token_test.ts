import { assertEquals } from "@std/assert";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";

for (const refused of [false, true]) {
  const how = refused ? "is refused" : "is granted";
  Deno.test(`a plan counts the token that a mount from another repository takes, also where it ${how}`, async () => {
    await using room = await ImageRoom.make({ oneMachine: true });
    await using registry = new FakeRegistry({
      token: true,
      quirks: refused ? ["mount-refused"] : [],
    });
    const place = (name: string) => `docker://${registry.host}/${name}`;
    for (const tag of ["v1", "v2"]) {
      await writeImage(room.path("from"), tag, { layers: [randomBytes(50_000), tag] });
      await room.sync(`oci:${room.path("from")}:${tag}`, place(`a:${tag}`));
      registry.requests.length = 0;
      // The room holds the run against its plan.
      await room.sync(place(`a:${tag}`), place(`b:${tag}`));
      const plans = room.events.filter((event) => event.type === "plan");
      assertEquals(plans.at(-1)!.exact, tag === "v2" && !refused, tag);
    }
    const images = ["v1", "v2"].map((tag) => ({ from: place(`a:${tag}`), to: place(`c:${tag}`) }));
    await room.syncAll({ images });
  });
}
