/** The first words of a body that explains a failure, in one line; the rest of the body is let go. */
export async function firstWords(response: Response, length: number): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  try {
    const { value } = await reader.read();
    const text = new TextDecoder().decode(value?.subarray(0, 512));
    return text.replace(/[\p{Cc}\s]+/gu, " ").trim().slice(0, length);
  } catch {
    return "";
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
