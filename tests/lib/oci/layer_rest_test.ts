/** The rest of a layer, once all was taken that is wanted of it. */
import { assertEquals } from "@std/assert";
import { readLayerMembers } from "../../../lib/oci/layer_members.ts";
import { tarball } from "../../support/tarball.ts";

Deno.test("readLayerMembers() reads no further, and gives no other member, once the taker is done", async () => {
  const layer = tarball([{ name: "nix/a", content: "x" }, { name: "nix/b" }, { name: "nix/c" }]);
  const taken: string[] = [];
  let closed = false;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      yield layer.subarray(0, 2048);
      throw new Error("the rest was asked for");
    } finally {
      closed = true;
    }
  }
  await readLayerMembers(pieces(), "nix", "layer", {
    take: ({ path }) => void taken.push(path),
    isDone: () => taken.length > 0,
  });
  assertEquals([taken, closed], [["nix/a"], true]);
});
