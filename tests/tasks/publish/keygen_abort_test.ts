import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { publishKeygen } from "../../../tasks/publish/after.ts";

Deno.test("publishKeygen() writes no key once it was aborted", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const signal = AbortSignal.abort(new Error("enough"));
    const ctx = { cache: new Cache(join(dir, "cache")), signal };
    const options = { name: "acme-1", file: join(dir, "key") };
    await assertRejects(() => publishKeygen(options, ctx), Error, "enough");
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
