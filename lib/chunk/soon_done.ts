/** What a thread hashes, or packs, in the time in which a worker begins, in bytes. */
const leastBytes = 4_000_000;

/** Whether work on so many bytes, packed at a level of zstd, is done before a worker begins; from level 10 on zstd takes its time. */
export function isSoonDone(sizeBytes: number, level = 3): boolean {
  return sizeBytes < leastBytes && level < 10;
}
