import { assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { sha256 } from "../../../../lib/base/digest.ts";
import { silentMeter } from "../../../../lib/base/meter.ts";
import { removeLeftObjects } from "../../../../lib/nix/stores/left_objects.ts";
import { resumeCopy } from "../../../../lib/nix/stores/resume_copy.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { realTest } from "../../../support/real.ts";

realTest(
  "resumeCopy() goes on with what a run left long ago, though a prune comes meanwhile",
  ["mkfifo"],
  () =>
    inFolder(async (dir) => {
      const [path, to] = [join(dir, "packed"), join(dir, "nar", "x.nar.zst")];
      const bytes = new Uint8Array(100_000).fill(7);
      await Deno.mkdir(dirname(to));
      await Deno.writeFile(`${to}.partial`, bytes);
      await Deno.utime(`${to}.partial`, 1, 1);
      assertEquals((await new Deno.Command("mkfifo", { args: [path] }).output()).code, 0);
      const begun = Promise.withResolvers<void>();
      const meter = { ...silentMeter.object("x", bytes.length), reused: () => begun.resolve() };
      const source = { path, size: bytes.length, digest: sha256(bytes) };
      const copied = resumeCopy(source, to, meter, undefined);
      {
        using pipe = await Deno.open(path, { write: true });
        await pipe.write(bytes.subarray(0, 1000));
        await begun.promise;
        assertEquals(await removeLeftObjects(dir), 0);
        for (let at = 1000; at < bytes.length;) at += await pipe.write(bytes.subarray(at));
      }
      await copied;
      assertEquals(await Deno.readFile(to), bytes);
    }),
);
