import { assertEquals } from "@std/assert";
import { type Meter, silentMeter } from "../../../lib/base/meter.ts";
import { tellMoving } from "../../../lib/disk/tell_moving.ts";

/** A meter that takes notes, and what is left in seconds at each of them. */
function noted(): {
  notes: string[];
  left: number[];
  leftNow: () => number;
  meter: Meter & { requests: number };
} {
  const [notes, left]: [string[], number[]] = [[], []];
  let leftMs = NaN;
  const note = (message: string) => {
    notes.push(message);
    left.push(leftMs / 1000);
  };
  const meter = { ...silentMeter, note, left: (ms: number) => void (leftMs = ms) };
  return { notes, left, leftNow: () => leftMs / 1000, meter };
}

Deno.test("tellMoving() tells bytes, requests, speed and the time that is left, and the sum", () => {
  const { notes, left, meter } = noted();
  let now = 0;
  const plan = {
    pieces: "requests" as const,
    wire: "fetched",
    wireBytes: 100 * 2 ** 20,
    file: "written",
    fileBytes: 2 ** 30,
  };
  const moving = tellMoving(meter, plan, () => now);
  moving.reused(2 ** 29);
  for (now = 1000; now <= 8000; now += 1000) {
    moving.file(16 * 2 ** 20);
    meter.requests += 2;
    moving.wire(2 ** 20);
  }
  now = 10_000;
  moving.end();
  assertEquals(notes, [
    "4 MiB of 100 MiB fetched in 8 requests (819 KiB/s), 80 MiB of 1 GiB written, 512 MiB reused",
    "8 MiB of 100 MiB fetched in 16 requests (819 KiB/s), 128 MiB of 1 GiB written, 512 MiB reused",
  ]);
  assertEquals(left, [120, 0]);
});

Deno.test("tellMoving() gives no speed of a network over which nothing goes", () => {
  const { notes, meter } = noted();
  const plan = { pieces: "requests", wire: "fetched", wireBytes: 0, file: "written" } as const;
  const moving = tellMoving(meter, { ...plan, fileBytes: 2 ** 20 }, () => 0);
  moving.reused(2 ** 20);
  moving.file(2 ** 20);
  moving.end();
  assertEquals(notes, ["nothing fetched, 1 MiB of 1 MiB written, 1 MiB reused"]);
});

Deno.test("tellMoving() tells the time of whichever takes longest, and none before all of them are under way", () => {
  const { leftNow, meter } = noted();
  let now = 1000;
  const plan = { pieces: "requests", wire: "fetched", file: "written" } as const;
  const bytes = { wireBytes: 100, fileBytes: 1000, proofBytes: 5000 };
  const moving = tellMoving(meter, { ...plan, ...bytes }, () => now);
  now = 2000;
  moving.wire(50);
  assertEquals(leftNow(), Infinity);
  moving.file(500);
  assertEquals(leftNow(), Infinity);
  moving.proof(1000);
  assertEquals(leftNow(), 4);
  moving.proof(4000);
  assertEquals(leftNow(), 1);
  moving.wire(50);
  moving.file(250);
  assertEquals(leftNow(), 1 / 3);
});

Deno.test("tellMoving() takes what was packed so far for what is still to be packed, and back what was sent in vain", () => {
  const { notes, left, leftNow, meter } = noted();
  let now = 0;
  const plan = { wire: "sent", wireBytes: undefined, file: "packed", fileBytes: 400 * 2 ** 20 };
  const moving = tellMoving(meter, { ...plan, pieces: "requests" }, () => now);
  now = 6000;
  moving.file(0);
  moving.file(100 * 2 ** 20, 25 * 2 ** 20);
  now = 12_000;
  meter.requests++;
  moving.wire(20 * 2 ** 20);
  moving.wire(-10 * 2 ** 20, 0);
  assertEquals(leftNow(), 108);
  moving.wire(10 * 2 ** 20, 0);
  moving.file(100 * 2 ** 20, 55 * 2 ** 20);
  moving.file(200 * 2 ** 20, 100 * 2 ** 20);
  meter.requests++;
  moving.wire(160 * 2 ** 20);
  now = 18_000;
  moving.end();
  assertEquals(notes, [
    "0 B sent in 0 requests (0 B/s), 0 B of 400 MiB packed, 0 B reused",
    "20 MiB of about 100 MiB sent in 1 request (1.7 MiB/s), 100 MiB of 400 MiB packed, 0 B reused",
    "180 MiB of 180 MiB sent in 2 requests (10 MiB/s), 400 MiB of 400 MiB packed, 0 B reused",
  ]);
  assertEquals(left, [Infinity, 48, 0]);
});

Deno.test("tellMoving() takes what comes on top of the plan into the sum", () => {
  const notes: string[] = [];
  const meter = { ...silentMeter, note: (message: string) => void notes.push(message) };
  const plan = { pieces: "parts", wire: "fetched", wireBytes: 1000, file: "written" } as const;
  const moving = tellMoving(meter, { ...plan, fileBytes: 5000 }, () => 1000);
  moving.wire(1500);
  moving.file(6000);
  moving.end();
  assertEquals(notes, [
    "1.5 KiB of 1.5 KiB fetched in 1 part (1.4 MiB/s), 5.9 KiB of 5.9 KiB written, 0 B reused",
  ]);
});

Deno.test("tellMoving() does not speak of requests where there are none", () => {
  const notes: string[] = [];
  const meter = { ...silentMeter, note: (message: string) => void notes.push(message) };
  const plan = { wire: "sent", wireBytes: 1024, file: "packed", fileBytes: 2048 };
  let now = 0;
  const moving = tellMoving(meter, { ...plan, pieces: "parts" }, () => now);
  moving.wire(1024);
  now = 1000;
  moving.end();
  assertEquals(notes, [
    "1 KiB of 1 KiB sent in 1 part (1 KiB/s), 0 B of 2 KiB packed, 0 B reused",
  ]);
});
