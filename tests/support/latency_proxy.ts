/** Leads to a server on loopback; what a client sends arrives later, what the server answers does not. */
export class LatencyProxy implements AsyncDisposable {
  #listener: Deno.TcpListener;
  #target: { hostname: string; port: number };
  #latencyMs: number;
  #connections = new Set<Promise<void>>();
  #open = new Set<Deno.TcpConn>();

  /** Starts listening; `target` is `127.0.0.1:port`. */
  constructor(target: string, latencyMs: number) {
    const [hostname, port] = target.split(":") as [string, string];
    this.#target = { hostname, port: Number(port) };
    this.#latencyMs = latencyMs;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#connections.add(this.#accept());
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Stops listening, and ends what is open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) this.#close(connection);
    await Promise.all(this.#connections);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        const serving: Promise<void> = this.#serve(client)
          .catch(() => undefined) // One side went away, which ends the other.
          .finally(() => this.#connections.delete(serving));
        this.#connections.add(serving);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    const server = await Deno.connect(this.#target);
    for (const connection of [client, server]) {
      connection.setNoDelay(true);
      this.#open.add(connection);
    }
    try {
      await Promise.race([
        this.#late(client, server),
        pass(server, client),
      ]);
    } finally {
      for (const connection of [client, server]) this.#close(connection);
    }
  }

  #close(connection: Deno.TcpConn): void {
    this.#open.delete(connection);
    try {
      connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  /** Each piece waits from when it came, so that a long body is late once and not with each of its pieces. */
  async #late(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    let arrived = Promise.resolve();
    const buffer = new Uint8Array(256 * 1024);
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      const piece = buffer.slice(0, count);
      const due = new Promise((resolve) => setTimeout(resolve, this.#latencyMs));
      const before = arrived;
      arrived = (async () => {
        await due;
        await before;
        for (let at = 0; at < piece.length;) at += await to.write(piece.subarray(at));
      })();
      arrived.catch(() => undefined);
    }
    await arrived;
  }
}

/** Passes on what comes in pieces as large as they come: a stream would cost more than the server that is measured. */
async function pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(1024 * 1024);
  for (;;) {
    const count = await from.read(buffer);
    if (count === null) return;
    for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
  }
}
