/** The worker of a `JobPool`: does one job after the other and answers each. @module */
import { workerPort } from "../base/worker_port.ts";
import type { Job } from "./job.ts";
import { runJob } from "./run_job.ts";

const port = workerPort<Job, unknown>();

port.addEventListener("message", ({ data }) => {
  try {
    const result = runJob(data);
    port.postMessage({ ok: true, result }, "buffer" in result ? [result.buffer] : []);
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    port.postMessage({ ok: false, error: { name, message, code } });
  }
});

port.postMessage({ ready: true });
