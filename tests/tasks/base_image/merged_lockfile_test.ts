/** A lockfile that was merged by hand, so that a version of Nix has the digest of another one. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { VerificationError } from "../../../lib/base/errors.ts";
import { Lockfile } from "../../../lib/cache/lockfile.ts";
import { registry, Room } from "../../support/base_image_room.ts";
import { realTest } from "../../support/real.ts";
import { removeTree } from "../../support/remove_tree.ts";

realTest(
  "baseImage() says of a pin that is the digest of another version that the lockfile has it, on a machine that knows both images and on one that knows none",
  registry,
  async () => {
    await using room = await Room.make();
    await room.push("2.8.0", { label: "2.8.0" });
    const other = await room.push("2.9.0", { label: "2.9.0" });
    const path = join(room.folder, "kedge.lock");
    const find = (nixVersion: string) => room.run({ nixVersion }, { lockfile: new Lockfile(path) });
    const { digest } = await find("2.8.0");
    await find("2.9.0");
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace(digest, other));
    for (const knows of [true, false]) {
      if (!knows) await removeTree(room.cacheDir);
      const { message, hint } = await assertRejects(() => find("2.8.0"), VerificationError);
      assertEquals(
        message,
        [
          `Cannot use "${room.repository}@${other}" as base image: the lockfile pins it for Nix "2.8.0",`,
          'and its label says version "2.9.0"',
        ].join(" "),
      );
      assertEquals(
        hint,
        "a merge may have mixed up the pins: restore the lockfile, or pin anew with --update=2.8.0",
      );
    }
    assertEquals((await find("2.9.0")).digest, other);
  },
);

realTest(
  "baseImage() pins anew what an update names by its release, as the hint says, where a distributor's own number follows it",
  registry,
  async () => {
    await using room = await Room.make();
    const right = await room.push("2.8.0", { label: "2.8.0" });
    const other = await room.push("2.9.0", { label: "2.9.0" });
    const path = join(room.folder, "kedge.lock");
    const find = (update: "none" | string[]) =>
      room.run({ nixVersion: "2.8.0+1" }, { lockfile: new Lockfile(path, { update }) });
    assertEquals((await find("none")).digest, right);
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace(right, other));
    const { hint } = await assertRejects(() => find("none"), VerificationError);
    assertStringIncludes(hint!, "pin anew with --update=2.8.0");
    assertEquals((await find(["2.8.0"])).digest, right);
    assertEquals((await find("none")).digest, right);
  },
);
