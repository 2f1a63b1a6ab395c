import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { type Control, readControl, writeControl } from "../../../lib/http/control_file.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

const control: Control = { source: "sha256:a", size: 1000, done: [{ start: 0, end: 10 }] };

async function names(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();
}

realTest(
  "writeControl() leaves the state before it, and nothing else, on a full disk",
  ["root"],
  async () => {
    const dir = await Deno.makeTempDir();
    try {
      await using _disk = await mountSmallDisk(dir, 16_384);
      await Deno.writeFile(join(dir, "data"), new Uint8Array(10));
      await writeControl(dir, control);
      const many = Array.from({ length: 5000 }, (_, i) => ({ start: i * 20, end: i * 20 + 10 }));
      await assertRejects(
        () => writeControl(dir, { ...control, size: 100_000, done: many }),
        Error,
        "No space left",
      );
      assertEquals(await names(dir), ["control.json", "data"]);
      assertEquals(await readControl(dir, control.source), control);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);
