/**
 * The origin of a file with its mirrors.
 *
 * Invariants: credentials go to the origin alone, never to a mirror; a mirror goes on with what the origin brought only if a
 * digest says in the end that all of it belongs together; each failure that leads to the next mirror is told.
 *
 * What speaks HTTP is loaded by the first request: whoever finds the file in the cache does not pay for it.
 *
 * @module
 */
import { defined } from "../base/defined.ts";
import type { Digest } from "../base/digest.ts";
import { KedgeError, UnreachableError } from "../base/errors.ts";
import type { ObjectMeter } from "../base/meter.ts";
import type { RateLimit } from "../base/rate_limit.ts";
import type { HttpClient } from "../http/client.ts";
import type { Control } from "../http/control_file.ts";
import type { Downloaded } from "../http/download_options.ts";
import type { FoundProbe, Probe, ProbeRequest } from "../http/probe.ts";
import type { PrefixFollower } from "../http/prefix_follower.ts";
import type { RetryPolicy } from "../http/retry_policy.ts";
import type { Transport } from "../http/transport.ts";
import type { Validators } from "../http/validators.ts";
import type { Step } from "./operation.ts";

/** What an origin is. */
export interface OriginSourceOptions {
  /** What is being done, for messages: `fetch the kexec bundle`. */
  action: string;
  /** The original URL. */
  url: string;
  /** Other URLs of the same contents, tried in their order where the first fails. */
  mirrors?: readonly string[];
  /** Headers of every request to the original URL. */
  headers?: Record<string, string>;
  /** The most connections. @default {8} */
  connections?: number;
  /** How requests are tried again. */
  retry?: RetryPolicy;
  /** How long a connection may bring nothing, in milliseconds. @default {30_000} */
  idleTimeoutMs?: number;
  /** The rate that all connections share. @default {as fast as it comes} */
  rateLimit?: RateLimit;
}

/** An answer, and to what. */
export interface OriginAnswer<P extends Probe = Probe> {
  /** What came back. */
  probe: P;
  /** What was asked. */
  request: ProbeRequest;
  /** Which of the URLs answered; 0 is the original one. */
  index: number;
}

/** What is asked for. */
interface Wanted {
  /** Whether its digest is known. */
  digestKnown: boolean;
  /** Only if it is no longer of this version; mirrors are not asked so. */
  unless?: Validators;
  /** The missing bytes of what an earlier run left. */
  partial?: Control;
}

/** Where a download goes, and what it must be. */
export interface BringOptions {
  /** A folder that belongs to this download alone. */
  folder: string;
  /** By what the source is known in the control file. */
  source: string;
  /** The digest that the contents must have, where it is known. */
  digest?: Digest;
  /** Takes the progress. */
  object: ObjectMeter;
  /** Sees the first bytes. */
  check: (firstBytes: Uint8Array) => void;
  /** Reads it while it comes. */
  follower?: PrefixFollower;
}

/** Asks an origin and its mirrors, and brings files from them. */
export class OriginSource implements Disposable {
  #options: OriginSourceOptions;
  #transport: Transport | undefined;

  /** Connects to nothing yet. */
  constructor(options: OriginSourceOptions) {
    this.#options = options;
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#transport?.[Symbol.dispose]();
  }

  /** Sends the first request to the origin, or to the first mirror that answers it. */
  async ask(step: Step, wanted: Wanted & { unless?: never }, from?: number): Promise<
    OriginAnswer<FoundProbe>
  >;
  async ask(step: Step, wanted: Wanted): Promise<OriginAnswer>;
  async ask(step: Step, wanted: Wanted, from = 0): Promise<OriginAnswer> {
    const { url, mirrors = [], headers, action } = this.#options;
    const urls = [url, ...mirrors];
    const { probe } = await import("./beyond_cache.ts");
    const client = await this.#client(step);
    for (let index = from; index < urls.length; index++) {
      const request: ProbeRequest = {
        url: urls[index]!,
        action,
        digestKnown: wanted.digestKnown,
        ...defined({
          headers: index === 0 ? headers : undefined,
          unless: index === 0 ? wanted.unless : undefined,
          partial: index === 0 || wanted.digestKnown ? wanted.partial : undefined,
        }),
      };
      try {
        return { probe: await probe(client, request), request, index };
      } catch (error) {
        step.signal.throwIfAborted();
        if (index === urls.length - 1) throw error;
        step.meter.note(`${(error as Error).message}; trying the next mirror`, "warning");
      }
    }
    throw new UnreachableError(`Cannot ${action}: there is no further URL`);
  }

  /**
   * Brings what was found; where its URL fails midway, the mirrors after it go on. What is stated of it is the origin's word, also where
   * a mirror brought it.
   */
  async bring(
    answer: OriginAnswer<FoundProbe>,
    options: BringOptions,
    step: Step,
  ): Promise<Downloaded> {
    const { connections, retry, idleTimeoutMs, rateLimit, mirrors = [] } = this.#options;
    const { download } = await import("../http/download.ts");
    const client = await this.#client(step);
    let { probe: found, request, index } = await this.#matching(answer, options, step);
    // What a mirror says of itself proves nothing.
    const said = answer.index === 0 ? answer.probe.stated : undefined;
    let { object } = options;
    for (;;) {
      try {
        const brought = await download({
          client,
          request,
          probe: found,
          meter: step.meter,
          signal: step.signal,
          ...options,
          object,
          ...defined({ connections, retry, idleTimeoutMs }),
          ...(rateLimit === undefined ? {} : { minBytesPerSecond: 1 }),
        });
        const { stated, ...rest } = brought;
        return { ...rest, ...defined({ stated: index === 0 ? stated : said }) };
      } catch (error) {
        if (!isOfSource(error) || index >= mirrors.length) throw error;
        step.meter.note(`${error.message}; trying the next mirror`, "warning");
        const next = await this.#askAgain(options, step, index + 1);
        ({ probe: found, request, index } = next);
        if (found.partial === undefined) options.object.restarted();
        object = found.partial === undefined ? options.object : goingOn(options.object);
      }
    }
  }

  /** The answer, or a new one should the partial data not be what it was asked for. */
  async #matching(
    answer: OriginAnswer<FoundProbe>,
    options: BringOptions,
    step: Step,
  ): Promise<OriginAnswer<FoundProbe>> {
    const { partial } = answer.probe;
    if (partial === undefined) return answer;
    const now = await readPartial(options);
    if (sameExtents(now?.done ?? [], partial.done)) return answer;
    await answer.probe.response.body?.cancel();
    return await this.#askAgain(options, step, answer.index);
  }

  async #askAgain(
    options: BringOptions,
    step: Step,
    from: number,
  ): Promise<OriginAnswer<FoundProbe>> {
    const partial = await readPartial(options);
    const wanted = { digestKnown: options.digest !== undefined, ...defined({ partial }) };
    return await this.ask(step, wanted, from);
  }

  async #client(step: Step): Promise<HttpClient> {
    const { connections, rateLimit } = this.#options;
    const { HttpClient, Transport } = await import("./beyond_cache.ts");
    const { fetch } = this.#transport ??= new Transport(defined({ connections }));
    const limited = rateLimit === undefined
      ? fetch
      : (await import("../http/limited_fetch.ts")).limitedFetch(fetch, rateLimit);
    return new HttpClient({
      meter: step.meter,
      signal: step.signal,
      side: "source",
      fetch: limited,
      ...defined({ retry: this.#options.retry }),
    });
  }
}

/** Whether a failure is of the server, so that another one may do better. */
function isOfSource(error: unknown): error is KedgeError {
  return error instanceof UnreachableError ||
    error instanceof KedgeError && error.side === "source";
}

/** Counts on for who goes on with an object: what is there was counted when it came. */
function goingOn(object: ObjectMeter): ObjectMeter {
  return {
    moved: (bytes) => object.moved(bytes),
    reused: () => {},
    restarted: (bytes) => object.restarted(bytes),
    [Symbol.dispose]: () => object[Symbol.dispose](),
  };
}

async function readPartial({ folder, source }: BringOptions): Promise<Control | undefined> {
  const { readControl } = await import("../http/control_file.ts");
  return await readControl(folder, source);
}

function sameExtents(
  a: readonly { start: number; end: number }[],
  b: readonly { start: number; end: number }[],
): boolean {
  return a.length === b.length &&
    a.every(({ start, end }, index) => start === b[index]!.start && end === b[index]!.end);
}
