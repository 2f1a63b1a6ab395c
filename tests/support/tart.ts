/**
 * An independent writer of Tart's disk format: LZ4 blocks in Apple's framing, layers, and the manifest around them. Written from the
 * format's facts alone, with a greedy match finder that also refers to the block before.
 *
 * @module
 */
import { Hasher, sha256 } from "../../lib/base/digest.ts";
import { Layout } from "../../lib/oci/layout/layout.ts";
import { MediaType } from "../../lib/oci/media_type.ts";
import { join } from "./disk.ts";

const encoder = new TextEncoder();

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function lengthBytes(length: number): number[] {
  const bytes: number[] = [];
  for (; length >= 255; length -= 255) bytes.push(255);
  bytes.push(length);
  return bytes;
}

function sequence(literals: Uint8Array, distance?: number, match = 0): Uint8Array {
  const high = Math.min(15, literals.length);
  const low = distance === undefined ? 0 : Math.min(15, match - 4);
  return join(
    new Uint8Array([
      high << 4 | low,
      ...(high === 15 ? lengthBytes(literals.length - 15) : []),
    ]),
    literals,
    new Uint8Array(
      distance === undefined
        ? []
        : [distance & 255, distance >> 8, ...(low === 15 ? lengthBytes(match - 19) : [])],
    ),
  );
}

/** Where four bytes were seen last, by their hash: the place after it, so that 0 stands for nowhere. */
const seen = new Int32Array(1 << 16);

/** One LZ4 block of `data` from `start` to `end`; matches may reach before `start`. */
function packLz4Block(data: Uint8Array, start: number, end: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const slot = (word: number) => Math.imul(word, 0x9e3779b1) >>> 16;
  seen.fill(0);
  for (let at = Math.max(0, start - 65_535); at + 4 <= start; at++) {
    seen[slot(view.getInt32(at, true))] = at + 1;
  }
  let literal = start;
  let at = start;
  while (at < end - 12) {
    const word = view.getInt32(at, true);
    const candidate = seen[slot(word)]! - 1;
    seen[slot(word)] = at + 1;
    if (candidate < 0 || at - candidate > 65_535 || view.getInt32(candidate, true) !== word) {
      at++;
      continue;
    }
    let length = 4;
    while (at + length < end - 5 && data[candidate + length] === data[at + length]) length++;
    parts.push(sequence(data.subarray(literal, at), at - candidate, length));
    at += length;
    literal = at;
  }
  parts.push(sequence(data.subarray(literal, end)));
  return join(...parts);
}

/** A stream in Apple's framing; noise is stored as it is. */
export function packAppleLz4(data: Uint8Array, blockBytes = 65_536): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < data.length; start += blockBytes) {
    const end = Math.min(data.length, start + blockBytes);
    const packed = packLz4Block(data, start, end);
    if (packed.length < end - start) {
      parts.push(encoder.encode("bv41"), u32(end - start), u32(packed.length), packed);
    } else {
      parts.push(encoder.encode("bv4-"), u32(end - start), data.subarray(start, end));
    }
  }
  return join(...parts, encoder.encode("bv4$"));
}

/** A blob of an image. */
export interface TartBlob {
  /** Its descriptor. */
  descriptor: { mediaType: string; digest: string; size: number; annotations?: object };
  /** Its bytes. */
  bytes: Uint8Array<ArrayBuffer>;
}

function blob(mediaType: string, bytes: Uint8Array<ArrayBuffer>, annotations?: object): TartBlob {
  return {
    bytes,
    descriptor: {
      mediaType,
      digest: sha256(bytes),
      size: bytes.length,
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}

/** A layer of a disk. */
export interface TartLayer {
  /** The stream. */
  bytes: Uint8Array<ArrayBuffer>;
  /** How many bytes it unpacks to. */
  size: number;
  /** Their digest. */
  digest: string;
}

/** A layer of the same bytes again and again, of which no more than once need be in memory. */
export function repeatedLayer(data: Uint8Array, times: number): TartLayer {
  const packed = packAppleLz4(data);
  const hasher = new Hasher();
  for (let time = 0; time < times; time++) hasher.update(data);
  const bytes = join(...Array(times).fill(packed.subarray(0, -4)), packed.subarray(-4));
  return { bytes, size: data.length * times, digest: hasher.digest() };
}

/** The manifest and blobs of a Tart image of a disk. */
export function tartImage(disk: Uint8Array, layerBytes: number): TartImage {
  const layers: TartLayer[] = [];
  for (let start = 0; start < disk.length; start += layerBytes) {
    layers.push(repeatedLayer(disk.subarray(start, start + layerBytes), 1));
  }
  return tartImageOf(layers);
}

/** A Tart image. */
export interface TartImage {
  /** The manifest. */
  manifest: Uint8Array<ArrayBuffer>;
  /** The blobs. */
  blobs: TartBlob[];
}

/** The manifest and blobs of a Tart image of layers. */
export function tartImageOf(layers: readonly TartLayer[]): TartImage {
  const config = blob(
    "application/vnd.oci.image.config.v1+json",
    join(encoder.encode('{"architecture":"arm64","os":"darwin"}')),
  );
  const blobs = [
    blob("application/vnd.cirruslabs.tart.config.v1", join(encoder.encode('{"version":1}'))),
    ...layers.map(({ bytes, size, digest }) =>
      blob("application/vnd.cirruslabs.tart.disk.v2", bytes, {
        "org.cirruslabs.tart.uncompressed-size": String(size),
        "org.cirruslabs.tart.uncompressed-content-digest": digest,
      })
    ),
    blob("application/vnd.cirruslabs.tart.nvram.v1", join(encoder.encode("nvram"))),
  ];
  const diskBytes = layers.reduce((sum, { size }) => sum + size, 0);
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: config.descriptor,
    layers: blobs.map(({ descriptor }) => descriptor),
    annotations: {
      "org.cirruslabs.tart.uncompressed-disk-size": String(diskBytes),
      "org.cirruslabs.tart.upload-time": "2026-01-01T00:00:00Z",
    },
  };
  return { manifest: join(encoder.encode(JSON.stringify(manifest))), blobs: [config, ...blobs] };
}

/** Puts a Tart image into a layout, under a tag; gives its reference. */
export async function putTart(
  folder: string,
  tag: string,
  { blobs, manifest }: TartImage,
): Promise<string> {
  const layout = new Layout(folder);
  await layout.make();
  for (const { bytes } of blobs) await layout.putBytes(sha256(bytes), bytes);
  const digest = sha256(manifest);
  await layout.putBytes(digest, manifest);
  await layout.point(tag, { mediaType: MediaType.ociManifest, digest, size: manifest.length });
  return `oci:${folder}:${tag}`;
}
