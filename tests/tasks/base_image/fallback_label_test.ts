/** Base images whose label and tag disagree, in each way to fall back. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { VerificationError } from "../../../lib/base/errors.ts";
import { Lockfile } from "../../../lib/cache/lockfile.ts";
import { parseReference } from "../../../lib/oci/reference.ts";
import { registry, Room } from "../../support/base_image_room.ts";
import { realTest } from "../../support/real.ts";
import { removeTree } from "../../support/remove_tree.ts";

realTest("baseImage() refuses a wrong label whichever fallback was chosen", registry, async () => {
  await using room = await Room.make();
  await room.push("2.8.0", { label: "2.9.0" });
  await room.push("2.8.1", { label: "2.8.1" });
  await room.push("2.10.3", { label: "2.11.0" });
  for (const fallback of ["none", "minor", "2.8.1"]) {
    const wrong = await assertRejects(
      () => room.run({ nixVersion: "2.8.0", fallback }),
      VerificationError,
    );
    assertStringIncludes(wrong.message, 'its label says version "2.9.0", not "2.8.0"');
  }
  for (const fallback of ["minor", "2.10.3"]) {
    const wrong = await assertRejects(
      () => room.run({ nixVersion: "2.10.5", fallback }),
      VerificationError,
    );
    assertStringIncludes(wrong.message, 'its label says version "2.11.0", not "2.10.3"');
  }
});

realTest(
  "baseImage() falls back to a tag of the minor version alone, whose label names the release",
  registry,
  async () => {
    await using room = await Room.make();
    await room.push("2.31", { label: "2.31.4" });
    const found = await room.run({ nixVersion: "2.31.5", fallback: "minor" });
    assertEquals([found.nixVersion, found.wantedVersion], ["2.31.4", "2.31.5"]);
    await room.push("2.32", { label: "2.31.4" });
    const wrong = await assertRejects(
      () => room.run({ nixVersion: "2.32.1", fallback: "minor" }),
      VerificationError,
    );
    assertStringIncludes(wrong.message, 'its label says version "2.31.4", not "2.32"');
  },
);

realTest(
  "baseImage() takes no label for the tag of a fallback that is pinned",
  registry,
  async () => {
    await using room = await Room.make();
    const path = join(room.folder, "kedge.lock");
    const options = { nixVersion: "2.8.0", fallback: "custom" };
    for (const label of ["of our own", "2.31.4"]) {
      await room.push("custom", { label });
      const first = await room.run(options, { lockfile: new Lockfile(path, { update: "all" }) });
      assertEquals(parseReference(first.reference).tag, "custom");
      await removeTree(room.cacheDir);
      const pinned = await room.run(options, { lockfile: new Lockfile(path) });
      assertEquals(pinned.nixVersion, label);
      assertEquals(pinned.reference, `docker://${room.repository}@${first.digest}`);
      assertEquals(parseReference(pinned.reference).tag, undefined);
    }
  },
);

realTest(
  "baseImage() names for a pin the tag of the wanted version only where that is what was pinned",
  registry,
  async () => {
    await using room = await Room.make();
    const path = join(room.folder, "kedge.lock");
    const options = { nixVersion: "2.31.4", fallback: "minor" };
    const tags = async () => {
      const update = { lockfile: new Lockfile(path, { update: "all" }) };
      const first = await room.run(options, update);
      await removeTree(room.cacheDir);
      const pinned = await room.run(options, { lockfile: new Lockfile(path) });
      assertEquals(pinned.digest, first.digest);
      return [first, pinned].map(({ reference }) => parseReference(reference).tag);
    };
    await room.push("2.31", { label: "2.31.4" });
    assertEquals(await tags(), ["2.31", undefined]);
    await room.push("2.31.4", { label: "2.31.4" });
    assertEquals(await tags(), ["2.31.4", "2.31.4"]);
  },
);

realTest(
  "baseImage() takes no label that is not a line of text for a version",
  registry,
  async () => {
    await using room = await Room.make();
    for (const label of ["2.8.0\nwarning: all is well", "", "2".repeat(10_000)]) {
      await room.push("custom", { label });
      const wrong = await assertRejects(
        () => room.run({ nixVersion: "2.8.0", fallback: "custom" }),
        VerificationError,
      );
      assertEquals(
        wrong.message,
        `Cannot use "${room.repository}:custom" as base image: its label ${
          JSON.stringify(label.slice(0, 60))
        } is not a version`,
      );
    }
  },
);
