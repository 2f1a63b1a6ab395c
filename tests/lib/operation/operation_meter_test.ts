import { assertEquals } from "@std/assert";
import type { ObjectProgress } from "../../../lib/operation/event.ts";
import { OperationMeter } from "../../../lib/operation/operation_meter.ts";

/** A meter, and what its last event told of the objects that were under way. */
function makeMeter(): { meter: OperationMeter; told: () => readonly ObjectProgress[] | undefined } {
  let last: readonly ObjectProgress[] | undefined;
  const meter = new OperationMeter((event) => {
    if (event.type === "progress") last = event.objects;
  });
  const told = () => {
    meter.flush();
    return last;
  };
  return { meter, told };
}

Deno.test("OperationMeter tells how far each object is that is under way, and no longer than that", () => {
  const { meter, told } = makeMeter();
  using _meter = meter;
  meter.moved(1);
  assertEquals(told(), undefined);
  const big = meter.object("big", 100);
  const other = meter.part("there", 50).object("other");
  big.reused(10);
  big.moved(40);
  other.moved(5);
  assertEquals(told(), [
    { label: "big", sizeBytes: 100, bytesMoved: 40, bytesReused: 10 },
    { label: "other", bytesMoved: 5, bytesReused: 0 },
  ]);
  big.restarted(20);
  other[Symbol.dispose]();
  assertEquals(told(), [{ label: "big", sizeBytes: 100, bytesMoved: 20, bytesReused: 10 }]);
  big[Symbol.dispose]();
  meter.moved(1);
  assertEquals(told(), undefined);
});

Deno.test("OperationMeter tells of an object what it was when the event was made", () => {
  const { meter, told } = makeMeter();
  using _meter = meter;
  using blob = meter.object("blob", 3);
  blob.moved(1);
  const before = told();
  blob.moved(2);
  assertEquals(before?.map(({ bytesMoved }) => bytesMoved), [1]);
  assertEquals(told()?.map(({ bytesMoved }) => bytesMoved), [3]);
});

Deno.test("OperationMeter tells that what was moved in vain is to be moved once more, in its part too", () => {
  for (const inPart of [false, true]) {
    let told: number[] = [];
    using meter = new OperationMeter((event) => {
      if (event.type === "progress") told = [event.bytesMoved, event.bytesToMove];
    });
    meter.bytesToMove = 100;
    const object = (inPart ? meter.part("there", 100) : meter).object("blob", 110);
    object.reused(10);
    object.moved(60);
    object.restarted(65);
    object.moved(105);
    meter.flush();
    assertEquals(told, [165, 165]);
  }
});
