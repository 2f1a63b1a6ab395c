/** What carryStore() makes of a layer that has other bytes than the image's manifest names. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { gzipSync } from "node:zlib";
import { sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { layersOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

const large = 3 * 1024 * 1024;
const worthThreads = 17 * 1024 * 1024;

/** A layer with a large path, and the layer of the database, which is read first. */
async function largeLayers(room: CarryRoom, size: number): Promise<Uint8Array[]> {
  return await layersOf(
    await room.store("2.8.0", [{ name: "large", files: { text: "large ".repeat(size / 6) } }]),
  );
}

const damages: Record<string, (layer: Uint8Array) => Uint8Array> = {
  "in the header of its first member": (layer) => layer.with(0, layer[0]! ^ 1),
  "in the header of its second member": (layer) => layer.with(512, layer[512]! ^ 1),
  "everywhere": (layer) => layer.map((byte) => byte ^ 0x55),
};

for (
  const [which, at, packed] of [
    ["of the database", 1, false],
    ["of a store path", 0, false],
    ["that is packed", 0, true],
  ] as const
) {
  realTest(
    `carryStore() says of a layer ${which} that it has another digest, and not that its data is damaged`,
    carryPrograms,
    async () => {
      await using room = await CarryRoom.make();
      const layers = (await largeLayers(room, large)).map((each) =>
        packed ? gzipSync(each, { level: 0 }) : each
      );
      const layer = layers[at]!;
      const layout = join(room.folder, "layout");
      const base = await room.image("2.8.0", layers, {}, `oci:${layout}:nix`);
      const path = join(layout, "blobs/sha256", digestHex(sha256(layer)));
      for (const [where, damage] of Object.entries(damages)) {
        const damaged = damage(layer);
        await Deno.chmod(path, 0o644);
        await Deno.writeFile(path, damaged);
        const { message, side, hint } = await assertRejects(
          () => room.carry(base),
          VerificationError,
        );
        const name = `Cannot take ${sha256(layer)} from "${base.copy}"`;
        assertEquals(
          [message, side, hint],
          [
            `${name}: its bytes have the digest ${sha256(damaged)}`,
            "source",
            "the source is damaged or was tampered with",
          ],
          where,
        );
      }
    },
  );
}

for (
  const [which, at, size] of [
    ["of the database", 1, large],
    ["of a store path", 0, large],
    ["that a thread reads", 0, worthThreads],
  ] as const
) {
  realTest(
    `carryStore() reads a layer ${which} elsewhere that a mirror has with wrong bytes`,
    carryPrograms,
    async () => {
      await using room = await CarryRoom.make();
      await using mirror = await startRegistry();
      const layers = await largeLayers(room, size);
      const wrong = layers[at]!;
      const base = await room.image("2.8.0", layers);
      await room.image("2.8.0", layers, {}, `docker://${mirror.host}/nixos/nix:2.8.0`);
      const hex = digestHex(sha256(wrong));
      const blob = `docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
      await Deno.writeFile(join(mirror.folder, blob), wrong.with(512, wrong[512]! ^ 1));
      const notes: string[] = [];
      await room.carry(base, { mirrors: [`${room.registry.host}=${mirror.host}`] }, {
        report: (event) => void (event.type === "note" && notes.push(event.message)),
      });
      assertEquals(notes.map((note) => note.replace(/^.*: its bytes .*;/, "...;")), [
        "...; fetching it elsewhere",
      ]);
      assertEquals((await validWithNix(room.nix.uri)).length, 1);
      await verifyWithNix(room.nix.uri);
    },
  );
}
