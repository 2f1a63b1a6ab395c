/** What fits into one command line beside its environment, wherever that is: Linux gives both 2 MiB together, macOS 1 MiB. */
const mostBytes = 512 * 1024;
/** What each costs beside its characters: its end, and where it is. */
const bytesEach = 9;

/** Store paths in their order, in as many runs as a program must be started for to take all of them as arguments. */
export function* argumentBatches(paths: readonly string[]): Generator<string[], void, void> {
  let batch: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    const size = path.length + bytesEach;
    if (batch.length > 0 && bytes + size > mostBytes) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(path);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
