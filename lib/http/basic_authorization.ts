import { encodeBase64 } from "@std/encoding";

/** The Authorization header of a name and a password. */
export function basicAuthorization(
  user: string,
  password: string,
): { authorization: string; secrets: readonly string[] } {
  const pair = encodeBase64(new TextEncoder().encode(`${user}:${password}`));
  return { authorization: `Basic ${pair}`, secrets: [password, pair] };
}
