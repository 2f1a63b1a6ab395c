import { assertEquals } from "@std/assert";
import { silentMeter } from "../../../lib/base/meter.ts";
import { tellReading } from "../../../lib/disk/tell_reading.ts";

Deno.test("tellReading() tells bytes, speed and the time that is left, every five seconds", () => {
  const notes: string[] = [];
  const left: number[] = [];
  let now = 0;
  const meter = {
    ...silentMeter,
    note: (message: string) => void notes.push(message),
    left: (ms: number) => void left.push(ms / 1000),
  };
  const tell = tellReading(meter, "vm.img", 100 * 2 ** 30, { now: () => now });
  for (now = 1000; now <= 10_000; now += 1000) tell(2 ** 30);
  assertEquals(notes, [
    "read and hashed 5 GiB of 100 GiB of vm.img, 1 GiB/s",
    "read and hashed 10 GiB of 100 GiB of vm.img, 1 GiB/s",
  ]);
  assertEquals(left, [99, 98, 97, 96, 95, 94, 93, 92, 91, 90]);

  const beside = tellReading(meter, "vm.img", 100, { isAlone: false, now: () => now });
  beside(50);
  assertEquals(left.length, 10);
});
