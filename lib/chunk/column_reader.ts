/** Takes columns from a body one after the other; the body's length was held against their counts. */
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
    return this.#body.slice(this.#at, this.#at += count);
  }

  /** The next numbers of 32 bits. */
  words(count: number): Uint32Array<ArrayBuffer> {
    const column = new Uint32Array(count);
    for (let i = 0; i < count; i++, this.#at += 4) column[i] = this.#view.getUint32(this.#at, true);
    return column;
  }

  /** The next number of 64 bits. */
  wide(): number {
    const value = Number(this.#view.getBigUint64(this.#at, true));
    this.#at += 8;
    return value;
  }
}
