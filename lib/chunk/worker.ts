/// <reference lib="deno.worker" />
/** The worker of a `JobPool`: does one job after the other and answers each. @module */
import type { Job } from "./job.ts";
import { runJob } from "./run_job.ts";

self.onmessage = ({ data }: MessageEvent<Job>) => {
  try {
    self.postMessage({ ok: true, result: runJob(data) });
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    self.postMessage({ ok: false, error: { name, message, code } });
  }
};

self.postMessage({ ready: true });
