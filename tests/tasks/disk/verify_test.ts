import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { formatBytes } from "../../../lib/base/bytes.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { inspectDisk } from "../../../tasks/disk/inspect.ts";
import { pushDisk, verifyDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";

const data = noise(2_000_000);

async function pushed(world: DiskWorld): Promise<{ reference: string; file: string }> {
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", data);
  await pushDisk({ file, reference }, world.machine());
  return { reference, file };
}

Deno.test("verifyDisk() tells all that it reads", async () => {
  await using world = await DiskWorld.make();
  const { reference, file } = await pushed(world);
  const plans: Extract<OperationEvent, { type: "plan" }>[] = [];
  const report = (event: OperationEvent) => void (event.type === "plan" && plans.push(event));
  const { digest, why, bytesMoved } = await verifyDisk({ reference, file }, {
    ...world.machine(),
    report,
  });
  const { indexBytes } = await inspectDisk({ reference }, world.machine());
  const [plan] = plans;
  assertEquals(why, `"${file}" is ${digest}, all its 1.9 MiB read and hashed now`);
  assertEquals([bytesMoved, plan!.bytesToMove], [indexBytes, indexBytes]);
  assertEquals(plan!.objects.map(({ sizeBytes, state }) => [sizeBytes, state]), [
    [data.length, "present"],
    [indexBytes, "missing"],
  ]);

  const args = ["disk:verify", reference, file];
  const { stderr } = await runKedge(args, { cacheDir: world.path("cache") });
  const line = `plan: nothing to move but ${formatBytes(indexBytes)} that were read to know it, `;
  assertStringIncludes(stderr, `${line}0 requests: ${why}\n`);
});

Deno.test("verifyDisk() vouches for no file that changes while it is read", async () => {
  await using world = await DiskWorld.make();
  const { reference, file } = await pushed(world);
  const report = (event: OperationEvent) => {
    if (event.type === "phase-start") Deno.utimeSync(file, 1000, 1000);
  };
  await assertRejects(
    () => verifyDisk({ reference, file }, { ...world.machine(), report }),
    KedgeError,
    `Cannot verify "${file}": it changed while it was read`,
  );
});
