/** What is made of a note of an image that says nothing, in a folder where containers write too. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { VerificationError } from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { CarriedImages } from "../../../lib/nix/folder/carried_images.ts";
import { readLinks } from "../../../lib/nix/folder/nix_links.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { pruneStore } from "../../../tasks/store/store.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { tarOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

for (
  const [what, spoil] of [
    ["is not JSON", () => "\0garbage"],
    ["lacks what it must have", () => "{}"],
    ["names another image", (text) => text.replace(/sha256:[0-9a-f]{4}/, "sha256:0000")],
  ] as [string, (text: string) => string][]
) {
  realTest(
    `carryStore() looks through a store again of whose image the note ${what}`,
    carryPrograms,
    async () => {
      await using room = await CarryRoom.make();
      const base = await room.image("2.8.0");
      await room.carry(base);
      const path = room.notePath(base);
      const note = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, spoil(note));
      const planned = await room.carry(base, {}, { dryRun: true });
      const again = await room.carry(base);
      const { layerBytes } = again;
      assertEquals({ ...planned, layerBytes, dryRun: false }, again);
      assertEquals([again.changed, again.pathsMoved], [true, 0]);
      assertStringIncludes(again.why, "and no note of that");
      const { images } = await new CarriedImages(room.nix).all();
      const { usedMs: _used, ...noted } = images[0]!;
      assertEquals({ ...noted, usedMs: JSON.parse(note).usedMs }, JSON.parse(note));
      assertEquals((await room.carry(base)).changed, false);
    },
  );
}

realTest(
  "a note that says nothing stops neither a carry of another image nor a prune, which keeps what its image needs",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const { root, paths } = await room.store("2.8.0");
    await Deno.symlink(
      `/nix/store/${paths["nix-2.8.0"]}`,
      join(root, "nix/var/nix/profiles/default-2-link"),
    );
    const first = await room.image("2.8.0", [await tarOf(root, ["nix"])]);
    await room.carry(first);
    await room.carry(await room.image("2.8.1"));
    await Deno.writeTextFile(room.notePath(first), "garbage");
    const last = await room.image("2.8.2");
    await room.carry(last);
    const notes: string[] = [];
    const prune = (dryRun: boolean) =>
      pruneStore({ in: { folder: room.nix.path }, keep: 0 }, {
        ...room.context,
        dryRun,
        report: (event: OperationEvent) => {
          if (event.type === "note") notes.push(event.message);
        },
      });
    const planned = await prune(true);
    const done = await prune(false);
    assertEquals({ ...planned, dryRun: false }, done);
    assertEquals([done.dropped.map(({ nixVersion }) => nixVersion), done.paths], [["2.8.1"], 1]);
    assertEquals(notes.length, 2);
    assertStringIncludes(notes[0]!, `"${room.notePath(first)}"`);
    const valid = (await validWithNix(room.nix.uri)).map((path) => path.replace(/^.{44}/, ""));
    assertEquals(valid.sort(), ["libc", "nix-2.8.0", "nix-2.8.2", "shell"]);
    const links = await readLinks(join(room.nix.state, "profiles"));
    assertEquals(links.map(({ path }) => path), ["default", "default-1-link", "default-2-link"]);
    await verifyWithNix(room.nix.uri);
    // Once it is carried again, it is let go of as any other.
    await room.carry(first);
    await room.carry(last);
    assertEquals((await prune(false)).paths, 1);
    assertEquals((await folderNames(join(room.nix.state, "gcroots", "kedge"))).length, 1);
    assertEquals(notes.length, 2);
  },
);

realTest(
  "carryStore() does not guess of which platform a store is where the only note says nothing",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const first = await room.image("2.8.0");
    await room.carry(first);
    await Deno.writeTextFile(room.notePath(first), "garbage");
    const next = await room.image("2.8.1");
    for (const dryRun of [true, false]) {
      const error = await assertRejects(() => room.carry(next, {}, { dryRun }), VerificationError);
      assertStringIncludes(error.message, `Cannot read "${room.notePath(first)}": `);
      assertStringIncludes(error.hint ?? "", "carry its image again, or remove that file");
    }
    await room.carry(first);
    await room.carry(next);
    assertEquals((await validWithNix(room.nix.uri)).length, 4);
  },
);
