/** Places that give names which lead elsewhere. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import { VerificationError } from "../../lib/base/errors.ts";
import { syncImages } from "../../tasks/image_list.ts";
import { FakeRegistry } from "../support/fake_registry.ts";
import { writeImage } from "../support/layout.ts";

const elsewhere = "../../victim/manifests/latest";

Deno.test("syncImages() writes to no other repository, whatever the names in a layout are", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using registry = new FakeRegistry();
    const from = `oci:${join(folder, "from")}`;
    await writeImage(join(folder, "from"), elsewhere, { layers: ["evil"] });
    const images = [{ from, to: `docker://${registry.host}/mine`, tags: ".*" }];
    await assertRejects(
      () => syncImages({ images }, { cache: new Cache(join(folder, "cache")) }),
      VerificationError,
      "is no tag",
    );
    assertEquals([...registry.store.repository("victim").tags], []);
    assertEquals(registry.requests, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("syncImages() refuses a registry whose tags are none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using registry = new FakeRegistry();
    await using other = new FakeRegistry();
    registry.store.repository("a").tags.set(elsewhere, "sha256:00");
    const images = [
      { from: `docker://${registry.host}/a`, to: `docker://${other.host}/mine`, tags: ".*" },
    ];
    await assertRejects(
      () => syncImages({ images }, { cache: new Cache(join(folder, "cache")) }),
      VerificationError,
      "Cannot list the tags",
    );
    assertEquals(other.requests, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
