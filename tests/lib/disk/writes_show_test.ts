import { assertEquals } from "@std/assert";
import { writesShow } from "../../../lib/disk/writes_show.ts";

Deno.test({
  name:
    "writesShow() vouches for nothing where Deno does not let it ask whether the file lies in memory",
  ignore: Deno.build.os !== "linux",
  permissions: { read: true, write: true },
  fn: async () => {
    const path = await Deno.makeTempFile();
    try {
      assertEquals(await writesShow(path), false);
    } finally {
      await Deno.remove(path);
    }
  },
});
