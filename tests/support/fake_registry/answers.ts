/** Answers that many requests get. @module */

/** The answer that something is wrong. */
export function problem(
  status: number,
  code: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ errors: [{ code, message: code.toLowerCase() }] }, { status, headers });
}

/** The answer that too much was asked for at once. */
export async function tooMany(request: Request): Promise<Response> {
  await drain(request);
  return problem(429, "TOOMANYREQUESTS", { "retry-after": "0" });
}

/** Reads a body that is not wanted: a connection on which it is left unread never comes to rest. */
export async function drain(request: Request): Promise<void> {
  try {
    for await (const _piece of request.body ?? []);
  } catch {
    // The sender went away, which is as good as the end.
  }
}
