/** The worker of a `JobPool`: does one job after the other and answers each. @module */
import { freeMemory } from "../base/free_memory.ts";
import { workerPort } from "../base/worker_port.ts";
import type { Job } from "./job.ts";
import { runJob } from "./run_job.ts";

const port = workerPort<Job, unknown>();

port.addEventListener("message", ({ data }) => {
  try {
    const result = runJob(data);
    port.postMessage({ ok: true, result }, "buffer" in result ? [result.buffer] : []);
    giveBack(result);
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    port.postMessage({ ok: false, error: { name, message, code } });
  }
  giveBack(data);
});

/** Gives back at once what came as a copy, or went as one: nobody has it but this worker. */
function giveBack(parts: object): void {
  for (const part of Object.values(parts)) if (isColumn(part)) freeMemory(part);
}

function isColumn(part: unknown): part is ArrayBufferView<ArrayBuffer> {
  return ArrayBuffer.isView(part);
}

port.postMessage({ ready: true });
