import { assertEquals, assertRejects } from "@std/assert";
import { Turns } from "../../../lib/base/turns.ts";

Deno.test("Turns.take() runs works of one name one after the other, those of others meanwhile", async () => {
  const turns = new Turns();
  const log: string[] = [];
  const first = Promise.withResolvers<void>();
  const work = (name: string, until?: Promise<void>) => async () => {
    log.push(`${name} begins`);
    await until;
    log.push(`${name} ends`);
  };
  const works = [turns.take("x", work("a", first.promise)), turns.take("x", work("b"))];
  await turns.take("y", work("c"));
  first.resolve();
  await Promise.all(works);
  assertEquals(log, ["a begins", "c begins", "c ends", "a ends", "b begins", "b ends"]);
});

Deno.test("Turns.take() goes on after a work that failed, and tells only who gave it", async () => {
  const turns = new Turns();
  const failed = turns.take("x", () => Promise.reject(new Error("no")));
  const done = turns.take("x", () => Promise.resolve(1));
  await assertRejects(() => failed, Error, "no");
  assertEquals(await done, 1);
});
