/** The bytes of a file from a place on; a piece is reused once the next one is asked for. */
export async function* piecesOf(path: string, start: number): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  if (start > 0) await file.seek(start, Deno.SeekMode.Start);
  const buffer = new Uint8Array(1024 * 1024);
  for (;;) {
    const count = await file.read(buffer);
    if (count === null) return;
    yield buffer.subarray(0, count);
  }
}

/** Bytes from a place on, in one piece. */
export async function* once(bytes: Uint8Array, start: number): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes.subarray(start);
}
