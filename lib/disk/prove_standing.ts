import { formatBytes } from "../base/bytes.ts";
import { checkRows } from "../chunk/check_rows.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import type { Step } from "../operation/operation.ts";
import type { DiskPullPlan } from "./plan_pull.ts";
import { certainHoles } from "./known_files.ts";
import type { OnProof } from "./proof_ahead.ts";
import { tellReading } from "./tell_reading.ts";

/**
 * Hashes the rows that a plan only knows to stand, and says so if some do not.
 *
 * @param onProof told of each batch that was read, in bytes, and of the bytes of chunks in it that stand
 * @returns the rows that stand, 1 for each, and with them those that the plan brings anyway
 */
export async function proveStanding(
  { image, known, ahead, out, standing }: DiskPullPlan,
  pool: JobPool,
  step: Step,
  onProof: OnProof,
): Promise<Uint8Array> {
  const { index } = image;
  const tell = tellReading(step.meter, out, index.size, { isAlone: false });
  const onCheck = (bytes: number, standing: number) => {
    tell(bytes);
    onProof(bytes, standing);
  };
  const right = ahead !== undefined
    ? await ahead.rows(index, standing, { onProof: onCheck, signal: step.signal })
    : await checkRows(out, index, {
      pool,
      signal: step.signal,
      sizeBytes: index.size,
      holes: certainHoles(known),
      only: standing,
      onCheck,
    });
  let wrongBytes = 0;
  // Without `from()`, which makes a list of all values first.
  const sound = new Uint8Array(right.length).fill(1);
  right.forEach((stands, row) => {
    if (stands === 1 || standing[row] === 0) return;
    wrongBytes += index.rowOffsets[row + 1]! - index.rowOffsets[row]!;
    sound[row] = 0;
  });
  if (wrongBytes > 0) {
    step.meter.note(
      `${formatBytes(wrongBytes)} of ${out} are other bytes than they were, though its size and ` +
        `times are the same; they are fetched`,
      "warning",
    );
  }
  return sound;
}
