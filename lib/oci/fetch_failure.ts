import { UnreachableError } from "../base/errors.ts";

/** What a failed fetch is for people: what lies at its bottom, or that a certificate is not trusted and what to set. */
export function fetchFailure(error: unknown, url: string): Error {
  return certificateError(error, url) ?? new Error(deepestMessage(error), { cause: error });
}

/** What lies at the bottom of a failed fetch: "connection refused" rather than "fetch failed". */
function deepestMessage(error: unknown): string {
  let at = error as Error;
  for (let depth = 0; depth < 8 && at.cause instanceof Error; depth++) at = at.cause;
  return at.message.replace(/^error sending request.*?: /, "").replace(/^client error .*?: /, "");
}

function certificateError(error: unknown, url: string): UnreachableError | undefined {
  const text = `${(error as Error).message}\n${deepestMessage(error)}`;
  const found = /invalid peer certificate: ([^)\n]*)/.exec(text);
  if (found === null) return undefined;
  const { host } = new URL(url);
  return new UnreachableError(
    `Cannot trust the certificate of "${host}": ${found[1]!.trim()}`,
    {
      cause: error,
      hint:
        "set DENO_CERT to the file of the authority's certificate, or DENO_TLS_CA_STORE=system where the system trusts it",
    },
  );
}
