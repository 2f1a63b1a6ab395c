import { createHash } from "node:crypto";
import { join } from "@std/path";
import S3rver from "s3rver";
import { removeTree } from "./remove_tree.ts";
import { type S3Store, writeWholeObjects } from "./whole_objects.ts";

/** The only key pair that the server knows. */
export const s3Keys = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };

interface Incoming {
  method: string;
  url: string;
  headers: Record<string, string | undefined>;
  socket: { destroy(): void };
  resume(): void;
}

interface Outgoing {
  writeHead(status: number): void;
  end(body: string): void;
}

type Handler = (request: Incoming, response: Outgoing) => void;

interface Rver {
  run(): Promise<{ port: number }>;
  close(): Promise<void>;
  store: S3Store;
  httpServer: {
    listeners(event: "request"): Handler[];
    removeAllListeners(event: "request"): void;
    on(event: "request", handler: Handler): void;
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
  /** Called for each request before it is answered. */
  before: (request: string) => void;
  /** The folder in which s3rver keeps the objects. */
  readonly directory: string;
  /** How many requests match. */
  count(pattern: RegExp): number;
}

/**
 * Starts s3rver, which checks signatures and knows multipart uploads, with the bucket `kedge`. It does not know `If-Match` on PUT, which S3 has since
 * 2024; that is answered here as S3 does: 412 where another version stands, 404 where none does.
 */
export async function startS3(): Promise<S3Server> {
  const directory = await Deno.makeTempDir({ prefix: "kedge-s3-" });
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: "kedge", configs: [] }],
  }) as unknown as Rver;
  writeWholeObjects(server.store);
  const { port } = await server.run();
  const requests: string[] = [];
  const running: S3Server = {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    directory,
    cut: () => false,
    before: () => {},
    count: (pattern) => requests.filter((request) => pattern.test(request)).length,
    async [Symbol.asyncDispose]() {
      await server.close();
      await removeTree(directory);
    },
  };
  const handlers = server.httpServer.listeners("request");
  server.httpServer.removeAllListeners("request");
  server.httpServer.on("request", (request, response) => {
    const line = `${request.method} ${request.url}`;
    requests.push(line);
    if (running.cut(line)) request.socket.destroy();
    running.before(line);
    const refusal = refusalOf(directory, request);
    if (refusal === undefined) return handlers.forEach((handler) => handler(request, response));
    request.resume();
    response.writeHead(refusal);
    response.end(
      `<Error><Code>${refusal === 412 ? "PreconditionFailed" : "NoSuchKey"}</Code></Error>`,
    );
  });
  return running;
}

/** The file in which s3rver keeps an object of this path. */
export function s3ObjectFile(directory: string, path: string): string {
  return join(directory, `${decodeURIComponent(path)}._S3rver_object`);
}

/** The status of a PUT whose condition does not hold. */
function refusalOf(directory: string, request: Incoming): number | undefined {
  const expected = request.headers["if-match"];
  if (request.method !== "PUT" || expected === undefined) return undefined;
  try {
    const bytes = Deno.readFileSync(s3ObjectFile(directory, request.url.split("?")[0]!));
    return expected === `"${createHash("md5").update(bytes).digest("hex")}"` ? undefined : 412;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 404;
    throw error;
  }
}
