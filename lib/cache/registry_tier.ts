/**
 * A team's tier in a repository of an OCI registry: each key is a tag, its manifest an artifact of one layer, so that the
 * registry's own tools can list, copy and delete what is in it.
 *
 * Invariants: contents are put before the manifest that names them; every wait has an end, since a slow tier must not be worse
 * than none; nothing that comes from it is believed here: the caller hashes it and asks the origin.
 *
 * @module
 */
import * as v from "valibot";
import { type Digest, sha256 } from "../base/digest.ts";
import { digestHex, isDigest } from "../base/digest_text.ts";
import { type Meter, silentMeter } from "../base/meter.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { parseManifest } from "../oci/manifest.ts";
import { MediaType } from "../oci/media_type.ts";
import type { RegistryReference } from "../oci/reference.ts";
import { RegistryClient } from "../oci/registry/registry_client.ts";
import { RegistryHost } from "../oci/registry/registry_host.ts";
import { Patience } from "./patience.ts";
import { patientPieces } from "./patient_pieces.ts";
import { type LeastPace, patientStream } from "./patient_stream.ts";
import type { Tier, TierCall, TierRecord } from "./tier.ts";

/** How long a tier is waited for, in milliseconds. */
export interface TierWaits extends LeastPace {
  /** For an answer, whole but for contents. */
  answerMs: number;
  /** For a sign of life, and for the fewest bytes, while it is lent something, which it may have to copy before it answers. */
  keepMs: number;
}

const usualWaits: TierWaits = {
  answerMs: 15_000,
  idleMs: 15_000,
  leastBytes: 16 * 1024 * 1024,
  keepMs: 60_000,
};

/** The type of what a key stands for. */
const tierArtifactType = "application/vnd.kedge.cache.v1";
const contentType = "application/octet-stream";
const emptyConfig = new TextEncoder().encode("{}");
const prefix = "dev.kedge.cache.";

const annotationsSchema = v.looseObject({
  [`${prefix}key`]: v.string(),
  [`${prefix}etag`]: v.exactOptional(v.string()),
  [`${prefix}last-modified`]: v.exactOptional(v.string()),
});

/** Keeps contents and what keys stand for in a repository of a registry. */
export class RegistryTier implements Tier {
  /** What it is, for people. */
  readonly label: string;
  /** Whether it is believed which digest a validator of the origin stands for. */
  readonly isTrusted: boolean;
  #reference: RegistryReference;
  #insecure: boolean;
  #waits: TierWaits;

  /** Connects to nothing yet. */
  constructor(
    reference: RegistryReference,
    options: { insecure?: boolean; isTrusted?: boolean; waits?: TierWaits } = {},
  ) {
    this.isTrusted = options.isTrusted ?? false;
    this.#reference = reference;
    this.#insecure = options.insecure ?? false;
    this.#waits = options.waits ?? usualWaits;
    this.label = `the tier ${reference.host}/${reference.repository}`;
  }

  /** What the repository says of a key. */
  async find(key: string, call: TierCall): Promise<TierRecord | undefined> {
    using patience = new Patience(call.signal, this.#waits.answerMs);
    using host = this.#host(call.meter, patience.signal);
    const manifest = await this.#client(host).manifest(tagOf(key));
    if (manifest === undefined || manifest === "unchanged") return undefined;
    const annotations = v.safeParse(annotationsSchema, manifest.annotations);
    const layer = manifest.blobs.find(({ mediaType }) => mediaType === contentType);
    if (!annotations.success || layer === undefined) return undefined;
    const { [`${prefix}key`]: named, [`${prefix}etag`]: etag } = annotations.output;
    const lastModified = annotations.output[`${prefix}last-modified`];
    if (named !== key || !isDigest(layer.digest)) return undefined;
    return {
      digest: layer.digest,
      size: layer.size,
      validators: {
        ...(etag === undefined ? {} : { etag }),
        ...(lastModified === undefined ? {} : { lastModified }),
      },
    };
  }

  /** The contents of a digest, unverified. */
  async open(
    digest: Digest,
    call: TierCall,
  ): Promise<{ stream: ReadableStream<Uint8Array>; size?: number } | undefined> {
    const size = await this.#sizeOf(digest, call);
    if (size === undefined) return undefined;
    const { answerMs, idleMs } = this.#waits;
    using answer = new Patience(call.signal, answerMs);
    const patience = new Patience(answer.signal, idleMs);
    patience.rest();
    const host = this.#host(call.meter, patience.signal);
    const end = () => {
      patience[Symbol.dispose]();
      host[Symbol.dispose]();
    };
    try {
      const body = await this.#client(host).get({ digest });
      return { size, stream: patientStream(body, patience, this.#waits, end) };
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Puts the contents, then the manifest of the key. */
  async put(
    key: string,
    record: TierRecord,
    contents: { path: string },
    call: TierCall,
  ): Promise<void> {
    using patience = new Patience(call.signal, this.#waits.keepMs);
    const meter = {
      request: () => {
        patience.sign();
        call.meter.request();
      },
    };
    using host = this.#host(meter, patience.signal);
    const client = new RegistryClient(host, this.#reference.repository, "pull,push");
    const layer: Descriptor = {
      mediaType: contentType,
      digest: record.digest,
      size: record.size,
    };
    const config: Descriptor = {
      mediaType: MediaType.empty,
      digest: sha256(emptyConfig),
      size: emptyConfig.length,
    };
    const push = { name: key, signal: patience.signal };
    if (await client.head(layer.digest) === undefined) {
      const pace = { idleMs: this.#waits.keepMs, leastBytes: this.#waits.leastBytes };
      const read = (start: number) => patientPieces(readFrom(contents.path, start), patience, pace);
      await client.putBlob(layer, read, push);
    }
    if (await client.head(config.digest) === undefined) {
      await client.putBlob(config, (start) => pieceOf(emptyConfig, start), push);
    }
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      artifactType: tierArtifactType,
      config,
      layers: [layer],
      annotations: {
        [`${prefix}key`]: key,
        ...(record.validators.etag === undefined
          ? {}
          : { [`${prefix}etag`]: record.validators.etag }),
        ...(record.validators.lastModified === undefined
          ? {}
          : { [`${prefix}last-modified`]: record.validators.lastModified }),
      },
    });
    const bytes = new TextEncoder().encode(text);
    const options = { name: key, mediaType: MediaType.ociManifest };
    await client.putManifest(tagOf(key), parseManifest(bytes, options));
  }

  async #sizeOf(digest: Digest, call: TierCall): Promise<number | undefined> {
    using patience = new Patience(call.signal, this.#waits.answerMs);
    using host = this.#host(call.meter, patience.signal);
    return (await this.#client(host).head(digest))?.size;
  }

  #client(host: RegistryHost): RegistryClient {
    return new RegistryClient(host, this.#reference.repository);
  }

  #host(meter: Pick<Meter, "request">, signal: AbortSignal): RegistryHost {
    return new RegistryHost({
      host: this.#reference.host,
      insecure: this.#insecure,
      meter: { ...silentMeter, request: () => meter.request() },
      retry: { retries: 1, baseMs: 200, ceilingMs: 1000 },
      signal,
    });
  }
}

function tagOf(key: string): string {
  return `k-${digestHex(sha256(key)).slice(0, 40)}`;
}

async function* readFrom(path: string, start: number): AsyncGenerator<Uint8Array> {
  const file = await Deno.open(path, { read: true });
  await file.seek(start, Deno.SeekMode.Start);
  yield* file.readable;
}

async function* pieceOf(bytes: Uint8Array, start: number): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes.subarray(start));
}
