import { NotAllowedError, type Side } from "../../base/errors.ts";
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
  /** Which side of a transfer the registry is. */
  readonly side: Side | undefined;
}

/** The error of a request that a registry refuses for want of rights; its body is read. */
export async function refusal(
  response: Response,
  { action, host, repository, scopes, authorization, side }: RefusedRegistryRequest,
): Promise<NotAllowedError> {
  const { status } = response;
  return new NotAllowedError(
    `Cannot ${action} "${host}/${repository}": ` +
      `the registry answered ${status}${await refusalReason(response)}`,
    {
      hint: authorization === undefined
        ? await loginHint(host, scopes[0]!)
        : status === 401 && authorization.startsWith("Basic ")
        ? `the credentials are not taken; log in again: docker login ${host}`
        : `the account lacks the scope ${scopes[0]}`,
      data: { status, host, scope: scopes.join(" ") },
      ...(side === undefined ? {} : { side }),
    },
  );
}
