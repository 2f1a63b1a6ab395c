/** A file at an origin that can misbehave, and downloads of it. @module */
import { type Meter, silentMeter } from "../../lib/base/meter.ts";
import { HttpClient } from "../../lib/http/client.ts";
import { readControl } from "../../lib/http/control_file.ts";
import { download } from "../../lib/http/download.ts";
import type { Downloaded, DownloadOptions } from "../../lib/http/download_options.ts";
import { probe, type ProbeRequest } from "../../lib/http/probe.ts";
import { Transport } from "../../lib/http/transport.ts";
import { type Origin, type OriginFile, startOrigin } from "./origin.ts";

/** A mebibyte. */
export const mebibyte = 1024 * 1024;

const retry = { retries: 3, baseMs: 1, ceilingMs: 5 };

/** A file of many ranges. */
export const body = filled(24 * mebibyte, 1);

/** Another of the same size. */
export const other = filled(24 * mebibyte, 2);

/** A file of one request. */
export const little = filled(100_000, 3);

/** Noise of a seed. */
export function filled(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(size / 4);
  for (let at = 0, state = seed; at < words.length; at++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    words[at] = state;
  }
  return new Uint8Array(words.buffer);
}

interface Bench {
  origin: Origin;
  file: OriginFile;
  folder: string;
  notes: string[];
  /** Payload bytes that the meter was told of. */
  counts: { moved: number; reused: number; requests: number };
  /** Downloads with what an earlier run left in the folder. */
  fetch(
    request?: Partial<ProbeRequest>,
    options?: Partial<DownloadOptions>,
  ): Promise<Downloaded>;
}

/** Runs with a file at an origin. */
export async function withFile(
  file: OriginFile,
  test: (bench: Bench) => Promise<void>,
): Promise<void> {
  await using origin = startOrigin({ "/f": file });
  const folder = await Deno.makeTempDir({ prefix: "kedge-download-" });
  const counts = { moved: 0, reused: 0, requests: 0 };
  const notes: string[] = [];
  const meter: Meter = {
    ...silentMeter,
    request: () => counts.requests++,
    note: (message) => notes.push(message),
  };
  const object = {
    moved: (bytes: number) => counts.moved += bytes,
    reused: (bytes: number) => counts.reused += bytes,
    restarted() {},
    [Symbol.dispose]() {},
  };
  const fetch: Bench["fetch"] = async (request = {}, options = {}) => {
    using transport = new Transport();
    const { signal = new AbortController().signal } = options;
    const client = new HttpClient({ meter, retry, signal, fetch: transport.fetch });
    const partial = await readControl(folder, "source");
    const asked: ProbeRequest = {
      url: origin.url("/f"),
      action: "fetch the file",
      digestKnown: options.digest !== undefined,
      ...(partial === undefined ? {} : { partial }),
      ...request,
    };
    const answer = await probe(client, asked);
    if (answer.state !== "found") throw new Error("nothing was found");
    return await download({
      client,
      request: asked,
      probe: answer,
      folder,
      source: "source",
      meter,
      object,
      retry,
      signal,
      ...options,
    });
  };
  try {
    await test({ origin, file: origin.files.get("/f")!, folder, notes, counts, fetch });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
