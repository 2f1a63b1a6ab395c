/** Options of {@linkcode readPipedText}. */
export interface ReadPipedTextOptions {
  /** How long to wait for somebody who writes into a pipe. @default {10000} */
  writerWaitMs?: number | undefined;
  /** Ends the wait for it, and for what it writes. */
  signal?: AbortSignal | undefined;
}

/** What came out of pipes, by what tells one pipe from another. */
const kept = new Map<string, Promise<string>>();

/**
 * The text of a file, which may be a pipe (`<(pass show registry)`). What comes out of a pipe comes out once, so that it is kept for who
 * asks again; a pipe into which nobody writes is not waited for without end.
 *
 * @throws {Error} if it cannot be read, or is a pipe and nobody opens it to write into it
 */
export async function readPipedText(
  path: string,
  options: ReadPipedTextOptions = {},
): Promise<string> {
  const { isFifo, dev, ino, birthtime } = await Deno.stat(path);
  if (!isFifo) return await Deno.readTextFile(path);
  const key = [path, dev, ino, birthtime?.getTime()].join("\n");
  const text = kept.get(key) ?? readPipe(path, options);
  kept.set(key, text);
  text.catch(() => kept.delete(key));
  return await text;
}

async function readPipe(path: string, options: ReadPipedTextOptions): Promise<string> {
  const { writerWaitMs = 10_000, signal } = options;
  const opening = Deno.open(path);
  const waited = Promise.withResolvers<never>();
  const stop = () => waited.reject(signal?.reason);
  const timer = setTimeout(() => {
    waited.reject(new Error(`it is a pipe, and nobody wrote into it for ${writerWaitMs / 1000} s`));
  }, writerWaitMs);
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  let file: Deno.FsFile | undefined;
  try {
    file = await Promise.race([opening, waited.promise]);
    clearTimeout(timer);
    return await Promise.race([new Response(file.readable).text(), waited.promise]);
  } catch (error) {
    if (file === undefined) await letGo(path, opening);
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** Ends the wait of the thread that opens a pipe, by being who could write into it. */
async function letGo(path: string, opening: Promise<Deno.FsFile>): Promise<void> {
  try {
    using writer = await Deno.open(path, { read: true, write: true });
    if ((await writer.stat()).isFifo) return (await opening).close();
  } catch {
    // Who may not write into it leaves the thread to the end of the process.
  }
  opening.then((file) => file.close(), () => {});
}
