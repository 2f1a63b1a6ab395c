/** The next piece of a body; fails where none comes within so many milliseconds. */
export async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  ms: number,
): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`the rest of the answer did not come within ${ms} ms`)),
    ms,
  );
  try {
    return await Promise.race([reader.read(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
