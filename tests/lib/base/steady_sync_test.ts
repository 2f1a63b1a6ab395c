import { assertEquals, assertRejects } from "@std/assert";
import { SteadySync } from "../../../lib/base/steady_sync.ts";

Deno.test("a SteadySync syncs after so many bytes, one part at a time, and the rest at the end", async () => {
  const syncs: PromiseWithResolvers<void>[] = [];
  const sync = () => {
    syncs.push(Promise.withResolvers<void>());
    return syncs.at(-1)!.promise;
  };
  const steady = new SteadySync("file", { everyBytes: 100, sync });
  steady.wrote(99);
  assertEquals(syncs.length, 0);
  steady.wrote(1);
  steady.wrote(500);
  assertEquals(syncs.length, 1);
  let ended = false;
  const end = steady.flush().then(() => ended = true);
  await Promise.resolve();
  assertEquals(ended, false);
  syncs[0]!.resolve();
  while (syncs.length < 2) await Promise.resolve();
  assertEquals(ended, false);
  syncs[1]!.resolve();
  await end;
  await steady.flush();
  assertEquals(syncs.length, 2);
});

Deno.test("a SteadySync tells at the end that a part could not be made durable", async () => {
  const sync = () => Promise.reject(new Error("input/output error"));
  const steady = new SteadySync("file", { everyBytes: 1, sync });
  steady.wrote(1);
  await assertRejects(() => steady.end(), Error, "input/output error");
  await assertRejects(() => steady.flush(), Error, "input/output error");
});

Deno.test("a SteadySync that is disposed of waits for what is under way, whatever comes of it", async () => {
  const syncing = Promise.withResolvers<void>();
  const steady = new SteadySync("file", { everyBytes: 1, sync: () => syncing.promise });
  steady.wrote(1);
  let over = false;
  const disposal = steady[Symbol.asyncDispose]().then(() => over = true);
  await Promise.resolve();
  assertEquals(over, false);
  syncing.reject(new Error("input/output error"));
  await disposal;
});
