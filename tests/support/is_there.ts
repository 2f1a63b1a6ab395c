/** Whether something is at a path, be it a link that leads nowhere. */
export async function isThere(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
