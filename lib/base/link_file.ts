/** Gives a file a second name; `false` where that cannot be: another file system, another owner, a name that is taken. */
export async function linkFile(from: string, to: string): Promise<boolean> {
  try {
    await Deno.link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw error;
    return false;
  }
}
