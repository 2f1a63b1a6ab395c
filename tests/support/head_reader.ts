/** Reads request heads off a connection; what follows a head is kept for the next. */
export class HeadReader {
  #connection: Deno.TcpConn;
  #rest = "";

  /** Reads nothing yet. */
  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** The next head, without the empty line after it; `undefined` at the end. */
  async next(): Promise<string | undefined> {
    const buffer = new Uint8Array(16 * 1024);
    for (;;) {
      const end = this.#rest.indexOf("\r\n\r\n");
      if (end >= 0) {
        const head = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 4);
        return head;
      }
      const count = await this.#connection.read(buffer);
      if (count === null) return undefined;
      this.#rest += new TextDecoder("latin1").decode(buffer.subarray(0, count));
    }
  }
}
