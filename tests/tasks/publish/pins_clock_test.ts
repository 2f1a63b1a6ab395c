import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { pinClosure, readPins, removeOldPins } from "../../../lib/nix/stores/file_pins.ts";
import { parseStorePath } from "../../../lib/nix/store_path.ts";
import { parseNixHash } from "../../../lib/nix/nix_hash.ts";
import { inFolder } from "../../support/in_folder.ts";
import { namesIn } from "../../support/published_versions.ts";

const hashPart = "0".repeat(32);
const closure = [{
  storePath: parseStorePath(`/nix/store/${hashPart}-x`),
  narHash: parseNixHash(`sha256:${"0".repeat(64)}`),
  narSize: 1,
  references: [],
  signatures: [],
  files: "/nowhere",
}];

Deno.test("a pin holds while its publish lives, also where the clock was set forward by days", () =>
  inFolder(async (dir) => {
    const pins = join(dir, ".kedge", "pins");
    {
      await using _pin = await pinClosure(dir, closure, "a publish");
      const [name] = await namesIn(pins, ".json");
      await Deno.utime(join(pins, name!), 1, 1);
      assertEquals((await readPins(dir)).hashParts, new Set([hashPart]));
      await removeOldPins(dir);
      assertEquals(await namesIn(pins, ".json"), [name]);
      // That of a process that ended, or of another machine, holds for a day.
      for (const owner of ["999999999.1", "1.1.elsewhere1-00000000.json"]) {
        const other = join(pins, name!.replace(owner.endsWith("n") ? /^.*$/ : /^\d+\.\d+/, owner));
        await Deno.copyFile(join(pins, name!), other);
        await Deno.utime(other, 1, 1);
      }
      await removeOldPins(dir);
      assertEquals(await namesIn(pins, ".json"), [name]);
    }
    assertEquals(await namesIn(pins, ".json"), []);
  }));
