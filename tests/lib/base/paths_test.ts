import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { ifThere } from "../../../lib/base/files.ts";

Deno.test("ifThere() gives what is read, nothing for what is not there, and every other failure", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "text");
    assertEquals(await ifThere(Deno.readTextFile(file)), "text");
    assertEquals(await ifThere(Deno.readTextFile(join(folder, "nothing"))), undefined);
    assertEquals(await ifThere(Deno.readTextFile(join(file, "below"))), undefined);
    await assertRejects(() => ifThere(Deno.readTextFile(folder)), Deno.errors.IsADirectory);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
