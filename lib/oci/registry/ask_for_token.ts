import { encodeBase64 } from "@std/encoding";
import * as v from "valibot";
import { NotAllowedError, type Side } from "../../base/errors.ts";
import type { Redactor } from "../../base/redactor.ts";
import { bodyStart } from "../../http/body_start.ts";
import type { HttpClient } from "../../http/client.ts";
import { displayUrl } from "../../http/display_url.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";

/** What a token server gave. */
export interface Token {
  /** The Authorization header that shows it. */
  readonly header: string;
  /** Until when it is good, in milliseconds since 1970. */
  readonly expires: number;
}

/** Options of {@linkcode askForToken}. */
export interface AskForTokenOptions {
  /** The registry's host. */
  host: string;
  /** Whether plain HTTP is allowed. */
  plain: boolean;
  /** Sends the request. */
  http: HttpClient;
  /** Which side of a transfer the registry is on. */
  side?: Side | undefined;
  /** Learns the token. */
  redactor?: Redactor | undefined;
}

const tokenSchema = v.object({
  token: v.nullish(v.string()),
  access_token: v.nullish(v.string()),
  expires_in: v.optional(v.unknown()),
});
/** How long a token lives where the server does not say, in seconds: what the specification of tokens has for it. */
const usualLife = 60;
/** Tokens are renewed this long before they end, in milliseconds. */
const marginMs = 5000;
/** What a token server answers to who may have none; 400 is for an identity token that is good no longer (RFC 6749, 5.2). */
const refusedStatuses = [400, 401, 403];
const largestTokenBytes = 1024 * 1024;

/**
 * Asks the token server that a registry named for a token with these scopes. Credentials go there only over https, unless the registry
 * itself is spoken to in plain HTTP.
 *
 * @throws {NotAllowedError} if it gives none, or may not be asked
 */
export async function askForToken(
  scopes: readonly string[],
  challenge: Challenge,
  credentials: Credentials | undefined,
  options: AskForTokenOptions,
): Promise<Token> {
  const { host } = options;
  const { realm, service } = challenge.parameters;
  const url = checkRealm(realm, options);
  const identity = credentials?.kind === "identity" ? credentials.token : undefined;
  const form = new URLSearchParams();
  if (service !== undefined) form.set("service", service);
  const headers: Record<string, string> = {};
  if (identity !== undefined) {
    form.set("grant_type", "refresh_token");
    form.set("refresh_token", identity);
    form.set("client_id", "kedge");
    form.set("scope", scopes.join(" "));
    headers["content-type"] = "application/x-www-form-urlencoded";
  } else {
    for (const scope of scopes) form.append("scope", scope);
    for (const [name, value] of form) url.searchParams.append(name, value);
    if (credentials?.kind === "basic") headers["authorization"] = headerOf(credentials);
  }
  const response = await options.http.request(url, {
    headers,
    // A redirect would take the body along, and with it what lets in.
    ...(identity === undefined ? {} : { method: "POST", body: form.toString(), follow: false }),
    accept: refusedStatuses,
    action: `get a token for ${host} from`,
  });
  if (!response.ok) throw await refusal(response, url, scopes, credentials, options);
  const text = await bodyStart(response, largestTokenBytes);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), tokenSchema), text);
  const value = parsed.success ? parsed.output.token || parsed.output.access_token : undefined;
  if (!parsed.success || !value || /[^\x21-\x7e]/.test(value)) {
    throw new NotAllowedError(
      `Cannot get a token for "${host}": the answer of ${displayUrl(url)} holds none`,
      sideOf(options),
    );
  }
  options.redactor?.add(value);
  const { expires_in: told } = parsed.output;
  const lifeMs = (typeof told === "number" && told > 0 ? told : usualLife) * 1000;
  return {
    header: `Bearer ${value}`,
    expires: Date.now() + Math.max(lifeMs - marginMs, lifeMs / 2),
  };
}

async function refusal(
  response: Response,
  url: URL,
  scopes: readonly string[],
  credentials: Credentials | undefined,
  options: AskForTokenOptions,
): Promise<NotAllowedError> {
  const { status } = response;
  const { host } = options;
  const [{ fromPlace }, { loginHint }, { refusalReason }] = await Promise.all([
    import("./from_place.ts"),
    import("./login_hint.ts"),
    import("./registry_message.ts"),
  ]);
  const reason = await refusalReason(response);
  const from = fromPlace(credentials?.place);
  return new NotAllowedError(
    `Cannot get a token for "${host}": ${displayUrl(url)} answered ${status}${reason}`,
    {
      hint: credentials === undefined
        ? await loginHint(host, scopes[0]!)
        : credentials.kind === "identity"
        ? `the login${from} may have run out; log in again: docker login ${host}`
        : `check the user and the password${from}, and whether that account has the scope ${
          scopes[0]
        }`,
      data: { status, host, scope: scopes.join(" ") },
      ...sideOf(options),
    },
  );
}

function sideOf({ side }: AskForTokenOptions): { side?: Side } {
  return side === undefined ? {} : { side };
}

function checkRealm(realm: string | undefined, options: AskForTokenOptions): URL {
  const { host, plain: isPlain } = options;
  const url = realm !== undefined && URL.canParse(realm) ? new URL(realm) : undefined;
  const plain = url?.protocol === "http:" && isPlain;
  if (url !== undefined && (url.protocol === "https:" || plain)) return url;
  throw new NotAllowedError(
    `Cannot get a token for "${host}": its realm "${displayUrl(realm ?? "")}" is not an https URL`,
    sideOf(options),
  );
}

/** The header that shows credentials as they are. */
export function headerOf(credentials: Credentials): string {
  return credentials.kind === "basic"
    ? `Basic ${encodeBase64(`${credentials.username}:${credentials.password}`)}`
    : `Bearer ${credentials.token}`;
}
