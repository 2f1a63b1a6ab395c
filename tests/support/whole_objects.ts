import { dirname } from "@std/path";
import { Readable } from "node:stream";

/** An object as s3rver puts it. */
interface S3Object {
  bucket: string;
  key: string;
  content: unknown;
  metadata: unknown;
}

/** What keeps the objects of s3rver in files. */
export interface S3Store {
  getResourcePath(bucket: string, key: string, resource: "object"): string;
  putContent(path: string, content: unknown): Promise<[size: number, md5: string]>;
  putMetadata(bucket: string, key: string, metadata: unknown, md5: string): Promise<void>;
  putObject(object: S3Object): Promise<{ size: number; md5: string }>;
  getObject(bucket: string, key: string, options: unknown): Promise<unknown>;
}

/**
 * Lets every reader see an object whole, the old one or the new one, as S3 does. s3rver writes into the file that others read at that moment,
 * answers before all of a small one is written, and takes the size of one version for the bytes of another.
 */
export function writeWholeObjects(store: S3Store): void {
  const turns = new Map<string, Promise<unknown>>();
  const inTurn = <T>(path: string, work: () => Promise<T>): Promise<T> => {
    const turn = (turns.get(path) ?? Promise.resolve()).then(work, work);
    turns.set(path, turn.catch(() => {}));
    return turn;
  };
  const getObject = store.getObject.bind(store);
  store.getObject = (bucket, key, options) =>
    inTurn(
      store.getResourcePath(bucket, key, "object"),
      () => getObject(bucket, key, options),
    );
  store.putObject = async ({ bucket, key, content, metadata }) => {
    const path = store.getResourcePath(bucket, key, "object");
    const coming = `${path}.coming-${crypto.randomUUID()}`;
    await Deno.mkdir(dirname(path), { recursive: true });
    const whole = content instanceof Uint8Array ? Readable.from([content]) : content;
    const [size, md5] = await store.putContent(coming, whole);
    await inTurn(path, async () => {
      await Deno.rename(coming, path);
      await store.putMetadata(bucket, key, metadata, md5);
    });
    return { size, md5 };
  };
}
