/**
 * Makes the data of a file durable, also of one that this user may only read. Windows syncs nothing else than what is open to be written.
 *
 * @throws {Deno.errors.NotFound} if there is no such file
 */
export async function syncData(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: Deno.build.os === "windows" });
  await file.syncData();
}
