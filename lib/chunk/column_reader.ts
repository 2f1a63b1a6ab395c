/**
 * Takes columns from a body one after the other; the body's length was held against their counts. They are views of the body where they can be, so
 * that no byte is in memory twice; Deno runs only on machines that keep numbers as the format does, the lowest byte first.
 */
export class ColumnReader {
  #body: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #at = 0;

  /** Begins at the first byte. */
  constructor(body: Uint8Array<ArrayBuffer>) {
    this.#body = body;
    this.#view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  }

  /** The next bytes. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    return this.#body.subarray(this.#at, this.#at += count);
  }

  /** The next numbers of 32 bits. */
  words(count: number): Uint32Array<ArrayBuffer> {
    const { buffer, byteOffset, length } = this.bytes(count * 4);
    return byteOffset % 4 === 0
      ? new Uint32Array(buffer, byteOffset, count)
      : new Uint32Array(buffer.slice(byteOffset, byteOffset + length));
  }

  /** The next number of 64 bits. */
  wide(): number {
    const value = Number(this.#view.getBigUint64(this.#at, true));
    this.#at += 8;
    return value;
  }
}
