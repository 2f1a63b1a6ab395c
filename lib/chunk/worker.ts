/// <reference lib="deno.worker" />
/** The worker of a `JobPool`: does one job after the other and answers each. @module */
import type { Job } from "./job.ts";
import { runJob } from "./run_job.ts";

self.onmessage = ({ data }: MessageEvent<Job>) => {
  try {
    const result = runJob(data);
    self.postMessage({ ok: true, result }, "buffer" in result ? [result.buffer] : []);
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    self.postMessage({ ok: false, error: { name, message, code } });
  }
};

self.postMessage({ ready: true });
