import { NotAllowedError, type Side } from "../../base/errors.ts";
import { fromPlace } from "./from_place.ts";
import { loginHint } from "./login_hint.ts";
import { refusalReason } from "./registry_message.ts";

/** The request that was refused. */
export interface RefusedRegistryRequest {
  /** What was to be done: `push the blob`. */
  readonly action: string;
  /** The registry. */
  readonly host: string;
  /** The repository. */
  readonly repository: string;
  /** What it takes to be allowed that, the repository itself first. */
  readonly scopes: readonly string[];
  /** What the registry was shown, if anything. */
  readonly authorization: string | undefined;
  /** Where that is kept, as far as it is no token. */
  readonly place: string | undefined;
  /** Which side of a transfer the registry is. */
  readonly side: Side | undefined;
  /** The host to which the registry redirects, where it was that which refused. */
  readonly elsewhere: string | undefined;
}

/** The error of a request that a registry, or where it redirects to, refuses for want of rights; its body is read. */
export async function refusal(
  response: Response,
  request: RefusedRegistryRequest,
): Promise<NotAllowedError> {
  const { status } = response;
  const { action, host, repository, scopes, side, elsewhere } = request;
  const who = elsewhere === undefined ? "the registry" : `"${elsewhere}", to which it redirects,`;
  const reason = await refusalReason(response);
  return new NotAllowedError(
    `Cannot ${action} "${host}/${repository}": ${who} answered ${status}${reason}`,
    {
      hint: await hintFor(status, request),
      data: { status, host: elsewhere ?? host, scope: scopes.join(" ") },
      ...(side === undefined ? {} : { side }),
    },
  );
}

async function hintFor(
  status: number,
  { host, scopes, authorization, place, elsewhere }: RefusedRegistryRequest,
): Promise<string> {
  if (elsewhere !== undefined) {
    return `see that a firewall or proxy on the way lets this machine reach "${elsewhere}" too`;
  }
  if (authorization === undefined) return await loginHint(host, scopes[0]!);
  const isLogin = place !== undefined || authorization.startsWith("Basic ");
  return status === 401 && isLogin
    ? `the credentials${fromPlace(place)} are not taken; log in again: docker login ${host}`
    : `the account lacks the scope ${scopes[0]}`;
}
