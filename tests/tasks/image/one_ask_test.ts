/** What is asked of two registries where nothing of an index changed of which some platforms are wanted. */
import { assertEquals } from "@std/assert";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeIndex } from "../../support/layout.ts";

const architectures = ["amd64", "arm64", "riscv64"];

async function push(room: ImageRoom, to: string, layer: string): Promise<void> {
  const images = architectures.map((architecture) => ({
    layers: [`${layer} ${architecture}`],
    platform: { os: "linux", architecture },
  }));
  const folder = room.path(layer);
  await writeIndex(folder, "v1", images);
  await room.sync(`oci:${folder}:v1`, to, { allPlatforms: true });
}

for (const platforms of [["linux/amd64"], ["linux/amd64", "linux/riscv64"]]) {
  Deno.test(`syncImage() asks each of two registries once of an unchanged index of which ${platforms.join(" and ")} is there`, async () => {
    await using room = await ImageRoom.make();
    await using a = new FakeRegistry();
    await using b = new FakeRegistry();
    const [from, to] = [`docker://${a.host}/a:v1`, `docker://${b.host}/b:v1`];
    const asked = async (wanted: string[]) => {
      const start = [a.requests.length, b.requests.length];
      const { changed } = await room.sync(from, to, { platforms: wanted });
      const lines = [a, b].map(({ requests }, at) =>
        requests.slice(start[at]).map(({ method, path }) => `${method} ${path}`)
      );
      return { changed, lines };
    };
    // The dry run asks what the run asks.
    const once = {
      changed: false,
      lines: [
        ["GET /v2/a/manifests/v1", "GET /v2/a/manifests/v1"],
        ["HEAD /v2/b/manifests/v1", "HEAD /v2/b/manifests/v1"],
      ],
    };
    await push(room, from, "old");
    assertEquals((await asked(platforms)).changed, true);
    assertEquals(await asked(platforms), once);
    // Another choice moves what it takes, and stands from then on.
    assertEquals((await asked(["linux/arm64"])).changed, true);
    assertEquals(await asked(["linux/arm64"]), once);
    assertEquals((await asked(platforms)).changed, true);
    // A tag that moved is seen.
    await push(room, from, "new");
    assertEquals((await asked(platforms)).changed, true);
    assertEquals(await asked(platforms), once);
  });
}
