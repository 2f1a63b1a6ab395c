import S3rver from "s3rver";

/** The only key pair that the server knows. */
export const s3Keys = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };

interface Rver {
  run(): Promise<{ port: number }>;
  close(): Promise<void>;
  httpServer: {
    prependListener(
      event: "request",
      listener: (request: { method: string; url: string; socket: { destroy(): void } }) => void,
    ): void;
  };
}

/** A running S3. */
export interface S3Server extends AsyncDisposable {
  /** Where it listens. */
  readonly endpoint: string;
  /** The requests that came: `PUT /bucket/key?query`. */
  readonly requests: string[];
  /** Ends the connection of a request that it is true for. */
  cut: (request: string) => boolean;
  /** How many requests match. */
  count(pattern: RegExp): number;
}

/** Starts s3rver, which checks signatures and knows multipart uploads, with one bucket. */
export async function startS3(bucket = "kedge"): Promise<S3Server> {
  const directory = await Deno.makeTempDir({ prefix: "kedge-s3-" });
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: bucket, configs: [] }],
  }) as unknown as Rver;
  const { port } = await server.run();
  const requests: string[] = [];
  const running: S3Server = {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    cut: () => false,
    count: (pattern) => requests.filter((request) => pattern.test(request)).length,
    async [Symbol.asyncDispose]() {
      await server.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
  server.httpServer.prependListener("request", (request) => {
    const line = `${request.method} ${request.url}`;
    requests.push(line);
    if (running.cut(line)) request.socket.destroy();
  });
  return running;
}
