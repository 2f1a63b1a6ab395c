import { assertEquals } from "@std/assert";
import { silentMeter } from "../../../lib/base/meter.ts";
import { tellHoles } from "../../../lib/disk/tell_holes.ts";

Deno.test("tellHoles() says that a later push reads nothing only where whatever is written shows", () => {
  const told = (certain: boolean) => {
    const notes: string[] = [];
    const meter = { ...silentMeter, note: (message: string) => void notes.push(message) };
    tellHoles(meter, "disk", { size: 5 * 1024 ** 4, blocks: 8 }, certain);
    return notes;
  };
  const note =
    '"disk" takes 4 KiB of its disk, and has 5 TiB: its holes are read too, which takes as long as if they were data';
  assertEquals(told(false), [note]);
  assertEquals(told(true), [`${note}; a later push reads nothing if the file is unchanged`]);
});
