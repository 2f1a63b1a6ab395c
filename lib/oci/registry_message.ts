/** What a registry's error body says, in one line. */
export function registryMessage(text: string): string {
  try {
    const json = JSON.parse(text) as { errors?: { code?: unknown; message?: unknown }[] };
    const first = json.errors?.[0];
    const words = [first?.code, first?.message].filter((word) => typeof word === "string");
    return words.join(": ").slice(0, 200);
  } catch {
    return text.startsWith("<") ? "" : text.replace(/[\p{Cc}\s]+/gu, " ").trim().slice(0, 160);
  }
}
