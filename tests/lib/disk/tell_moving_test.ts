import { assertEquals } from "@std/assert";
import { silentMeter } from "../../../lib/base/meter.ts";
import { tellMoving } from "../../../lib/disk/tell_moving.ts";

Deno.test("tellMoving() tells bytes, requests, speed and the time that is left, and the sum", () => {
  const notes: string[] = [];
  let now = 0;
  const meter = { ...silentMeter, note: (message: string) => void notes.push(message) };
  const plan = {
    wire: "fetched",
    wireBytes: 100 * 2 ** 20,
    file: "written",
    fileBytes: 2 ** 30,
  };
  const moving = tellMoving(meter, plan, () => now);
  moving.reused(2 ** 29);
  for (now = 1000; now <= 8000; now += 1000) {
    moving.wire(2 ** 20);
    moving.file(2 ** 21);
  }
  now = 10_000;
  moving.end();
  assertEquals(notes, [
    "5 MiB of 100 MiB fetched in 5 requests (1 MiB/s), 8 MiB of 1 GiB written, 512 MiB reused, 95 s left",
    "8 MiB of 100 MiB fetched in 8 requests (819 KiB/s), 16 MiB of 1 GiB written, 512 MiB reused",
  ]);
});
