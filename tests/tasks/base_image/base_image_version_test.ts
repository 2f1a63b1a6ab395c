/** The tag, label and platform by which an image is that of a version. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { realTest } from "../../support/real.ts";
import { treeOf } from "../../support/tree.ts";
import { foreign, other, registry, Room } from "../../support/base_image_room.ts";

/** What nixpkgs notes of the layers of official images, of which those before Nix 2.30 have no label. */
function commentsOf(...versions: string[]): string[] {
  const hash = "37rxcdx1wksl9dl0p9mnd0dh10h4rzfl";
  const paths = versions.flatMap((version) => [`nix-${version}`, `nix-${version}-man`]);
  const rest = ["nix-customisation-layer", "nix-store-2.27.0", "unix-2.0.0", "nix-2.7.0-x"];
  return [["glibc-2.40-66"], paths, rest].map((layer) =>
    `store paths: [${layer.map((name) => `'/nix/store/${hash}-${name}'`).join(", ")}]`
  );
}

realTest(
  "baseImage() takes an image without a label by what its history names",
  registry,
  async () => {
    await using room = await Room.make();
    const digest = await room.push("2.8.0", { comments: commentsOf("2.8.0") });
    const { nixVersion, digest: found } = await room.run({ nixVersion: "2.8.0" });
    assertEquals([nixVersion, found], ["2.8.0", digest]);
    await room.push("2.9.0", { comments: commentsOf("2.9.1") });
    const wrong = await assertRejects(() => room.run({ nixVersion: "2.9.0" }), VerificationError);
    assertStringIncludes(wrong.message, 'its history says version "2.9.1", not "2.9.0"');
    // The label decides where there is one.
    await room.push("2.10.0", { label: "2.10.1", comments: commentsOf("2.10.0") });
    const labelled = await assertRejects(
      () => room.run({ nixVersion: "2.10.0" }),
      VerificationError,
    );
    assertStringIncludes(labelled.message, 'its label says version "2.10.1", not "2.10.0"');
    for (
      const [tag, ...versions] of [
        ["2.11.0"],
        ["2.12.0", "2.12.0", "2.3"],
        ["2.13.0", "2.13.0", "2.14pre20250101_abcdef0"],
      ] as const
    ) {
      await room.push(tag, { comments: commentsOf(...versions) });
      const none = await assertRejects(() => room.run({ nixVersion: tag }), VerificationError);
      assertStringIncludes(none.message, "its history names no one Nix");
    }
  },
);

realTest("baseImage() refuses an image whose label is not its tag", registry, async () => {
  await using room = await Room.make();
  await room.push("2.8.0", { label: "2.9.0" });
  await room.push("2.8.1", {});
  const wrong = await assertRejects(() => room.run({ nixVersion: "2.8.0" }), VerificationError);
  assertStringIncludes(wrong.message, 'its label says version "2.9.0", not "2.8.0"');
  const none = await assertRejects(() => room.run({ nixVersion: "2.8.1" }), VerificationError);
  assertStringIncludes(none.message, "its config has no label org.opencontainers.image.version");
  assertEquals((await treeOf(join(room.cacheDir, "oci-v1"))).size, 0);
});

realTest("baseImage() names the platforms that there are", registry, async () => {
  await using room = await Room.make();
  await room.push("2.8.0", { label: "2.8.0", platform: foreign });
  const error = await assertRejects(() => room.run({ nixVersion: "2.8.0" }), KedgeError);
  assertStringIncludes(error.message, `: it is for linux/${other}`);
  assertEquals(error.hint, "choose one of these with --platform");
  const found = await room.run({ nixVersion: "2.8.0", platform: `linux/${other}` });
  assertEquals(found.platform, `linux/${other}`);
});

realTest(
  "baseImage() names the nearest tags and takes no other version by itself",
  registry,
  async () => {
    await using room = await Room.make();
    for (const tag of ["2.8.0", "2.31.4", "2.31.3", "2.32.0"]) await room.push(tag, { label: tag });
    for (
      const [version, near] of [
        ["2.31.5", "2.31.4, 2.31.3, 2.32.0"],
        ["nix (Lix, like Nix) 2.91.1", "2.32.0, 2.31.4, 2.31.3"],
        ["2.32pre20260101_abc", "2.32.0, 2.31.4, 2.31.3"],
        ["2.5pre20211105_abc", "2.8.0, 2.31.3, 2.31.4"],
        ["2.31.2", "2.31.4, 2.31.3, 2.8.0"],
      ] as const
    ) {
      const error = await assertRejects(() => room.run({ nixVersion: version }), KedgeError);
      assertStringIncludes(error.message, "Cannot find a base image with Nix ");
      assertEquals(error.hint, `the nearest tags are ${near}; choose one with --fallback`);
    }
  },
);

realTest("baseImage() takes the fallback that was chosen, and says so", registry, async () => {
  await using room = await Room.make();
  for (const tag of ["2.31.3", "2.31.10", "2.32.0"]) await room.push(tag, { label: tag });
  const notes: string[] = [];
  const report: TaskContextOptions["report"] = (event) => {
    if (event.type === "note") notes.push(event.message);
  };
  const minor = await room.run({ nixVersion: "2.31.12", fallback: "minor" }, { report });
  assertEquals([minor.nixVersion, minor.wantedVersion], ["2.31.10", "2.31.12"]);
  assertStringIncludes(notes.join(), "taking the fallback 2.31.10, which holds Nix 2.31.10");
  notes.length = 0;
  await room.run({ nixVersion: "2.31.12", fallback: "minor" }, { report });
  assertStringIncludes(notes.join(), "taking the fallback 2.31.10, which holds Nix 2.31.10");
  const stands = await room.run({ nixVersion: "2.31.12", fallback: "minor" }, { refresh: "all" });
  assertEquals([stands.nixVersion, stands.changed], ["2.31.10", false]);
  await room.push("2.31.12", { label: "2.31.12" });
  const come = await room.run({ nixVersion: "2.31.12", fallback: "minor" }, { refresh: "all" });
  assertEquals([come.nixVersion, come.changed], ["2.31.12", true]);
  const lix = "nix (Lix, like Nix) 2.91.1";
  const tag = await room.run({ nixVersion: lix, fallback: "2.32.0" });
  assertEquals(tag.nixVersion, "2.32.0");
  const digest = await room.run({ nixVersion: lix, fallback: minor.digest });
  assertEquals(digest.reference, `docker://${room.repository}@${minor.digest}`);
  await assertRejects(() => room.run({ nixVersion: lix, fallback: "minor" }), KedgeError);
  for (
    const [fallback, state, near] of [
      ["9.9", "no such tag", "2.32.0, 2.31.12, 2.31.10"],
      ["2.31.11", "no such tag", "2.31.12, 2.31.10, 2.31.3"],
      ["newest", "no such tag", "2.32.0, 2.31.12, 2.31.10"],
      [`sha256:${"0".repeat(64)}`, "no such digest", "2.32.0, 2.31.12, 2.31.10"],
    ] as const
  ) {
    const none = await assertRejects(() => room.run({ nixVersion: lix, fallback }), KedgeError);
    assertEquals(
      [none.message, none.hint],
      [
        `Cannot fall back to "${fallback}": "${room.repository}" has ${state}`,
        `the nearest tags are ${near}; choose one with --fallback`,
      ],
    );
  }
  await room.push("2.32.1", { label: "2.32.0" });
  const wrong = () => room.run({ nixVersion: lix, fallback: "2.32.1" });
  await assertRejects(wrong, VerificationError, 'its label says version "2.32.0"');
  await room.push("2.32", { label: "2.32.1" });
  assertEquals((await room.run({ nixVersion: lix, fallback: "2.32" })).nixVersion, "2.32.1");
});
