import { assertEquals } from "@std/assert";
import { lyingLocks, whoIsKeptOut } from "../../support/lying_locks.ts";

Deno.test("lyingLocks() lets in all whom honest locks keep out, and ends with its scope", async () => {
  const others = [
    "a second",
    "one who shares",
    "who asks whether it is held",
    "who asks at once",
    "who asks from a thread",
  ];
  assertEquals(await whoIsKeptOut(), others);
  {
    using _lies = await lyingLocks();
    assertEquals(await whoIsKeptOut(), []);
  }
  assertEquals(await whoIsKeptOut(), others);
});
