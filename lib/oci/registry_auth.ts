/**
 * What a registry is shown with each request: nothing, Basic, or a Bearer token for the scope.
 *
 * Invariants: nothing is sent before the server asked for it; credentials go to the realm only over https, unless the registry itself is
 * spoken to in plain HTTP; one token is fetched at a time for each scope, however many requests wait for it.
 *
 * @module
 */
import { encodeBase64 } from "@std/encoding";
import * as v from "valibot";
import { NotAllowedError } from "../base/errors.ts";
import type { Redactor } from "../base/redactor.ts";
import { bodyStart } from "../http/body_start.ts";
import type { HttpClient } from "../http/client.ts";
import { displayUrl } from "../http/display_url.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";

/** What a {@linkcode RegistryAuth} is made of. */
export interface RegistryAuthOptions {
  /** The registry's host. */
  host: string;
  /** Whether plain HTTP is allowed. */
  plain: boolean;
  /** Sends the requests for tokens. */
  http: HttpClient;
  /** Finds the credentials for a repository. */
  credentials: (repository: string) => Promise<Credentials | undefined>;
  /** Learns the tokens. */
  redactor?: Redactor | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  now?: (() => number) | undefined;
}

interface Token {
  readonly header: string;
  readonly expires: number;
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

/** Authorizes the requests to one registry. */
export class RegistryAuth {
  #options: RegistryAuthOptions;
  #now: () => number;
  #tokens = new Map<string, Promise<Token>>();
  #challenge: Challenge | undefined;
  #planned = new Set<string>();

  /** Asks for nothing yet. */
  constructor(options: RegistryAuthOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** The Authorization header for a request to a repository, as far as it is known that one is needed. */
  async header(repository: string, scopes: readonly string[]): Promise<string | undefined> {
    if (this.#challenge === undefined) return undefined;
    const key = scopes.join(" ");
    const standing = await this.#tokens.get(key);
    if (standing !== undefined && standing.expires > this.#now()) return standing.header;
    return await this.#fetchToken(key, repository, scopes, this.#challenge);
  }

  /** Whether a request that is planned now will be the first that needs its token, so that this has to be fetched. */
  async plan(repository: string, scopes: readonly string[]): Promise<boolean> {
    const key = scopes.join(" ");
    if (this.#challenge?.scheme !== "bearer") return false;
    if (this.#tokens.has(key) || this.#planned.has(key)) return false;
    this.#planned.add(key);
    return (await this.#options.credentials(repository))?.kind !== "registry";
  }

  /**
   * Takes note of a 401: gives the header to try again with, or `undefined` where there is nothing better than what was refused.
   *
   * @throws {NotAllowedError} if the server asks for what cannot be given
   */
  async renew(
    response: Response,
    repository: string,
    scopes: readonly string[],
    refused: string | undefined,
  ): Promise<string | undefined> {
    const challenges = parseChallenges(response.headers.get("www-authenticate"));
    const challenge = challenges.find(({ scheme }) => scheme === "bearer") ??
      challenges.find(({ scheme }) => scheme === "basic");
    if (challenge === undefined) return undefined;
    this.#challenge = challenge;
    const key = scopes.join(" ");
    const standing = await this.#tokens.get(key);
    if (standing !== undefined && standing.header !== refused) return standing.header;
    const header = await this.#fetchToken(key, repository, scopes, challenge);
    return header === refused ? undefined : header;
  }

  async #fetchToken(
    key: string,
    repository: string,
    scopes: readonly string[],
    challenge: Challenge,
  ): Promise<string | undefined> {
    const before = this.#tokens.get(key);
    const credentials = await this.#options.credentials(repository);
    if (challenge.scheme === "basic") {
      if (credentials?.kind !== "basic") return undefined;
      return `Basic ${encodeBase64(`${credentials.username}:${credentials.password}`)}`;
    }
    if (credentials?.kind === "registry") return `Bearer ${credentials.token}`;
    const during = this.#tokens.get(key);
    if (during !== before && during !== undefined) return (await during).header;
    const token = this.#requestToken(scopes, challenge, credentials);
    this.#tokens.set(key, token);
    try {
      return (await token).header;
    } catch (error) {
      this.#tokens.delete(key);
      throw error;
    }
  }

  async #requestToken(
    scopes: readonly string[],
    challenge: Challenge,
    credentials: Credentials | undefined,
  ): Promise<Token> {
    const { realm, service } = challenge.parameters;
    const url = this.#checkRealm(realm);
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
      if (credentials?.kind === "basic") {
        const pair = `${credentials.username}:${credentials.password}`;
        headers["authorization"] = `Basic ${encodeBase64(pair)}`;
      }
    }
    const response = await this.#options.http.request(url, {
      headers,
      // A redirect would take the body along, and with it what lets in.
      ...(identity === undefined ? {} : { method: "POST", body: form.toString(), follow: false }),
      accept: refusedStatuses,
      action: `get a token for ${this.#options.host} from`,
    });
    if (!response.ok) throw await this.#refusal(response, url, scopes, credentials);
    const text = await bodyStart(response, largestTokenBytes);
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), tokenSchema), text);
    const value = parsed.success ? parsed.output.token || parsed.output.access_token : undefined;
    if (!parsed.success || !value || /[^\x21-\x7e]/.test(value)) {
      throw new NotAllowedError(
        `Cannot get a token for "${this.#options.host}": the answer of ${
          displayUrl(url)
        } holds none`,
      );
    }
    this.#options.redactor?.add(value);
    const { expires_in: told } = parsed.output;
    const lifeMs = (typeof told === "number" && told > 0 ? told : usualLife) * 1000;
    return {
      header: `Bearer ${value}`,
      expires: this.#now() + Math.max(lifeMs - marginMs, lifeMs / 2),
    };
  }

  async #refusal(
    response: Response,
    url: URL,
    scopes: readonly string[],
    credentials: Credentials | undefined,
  ): Promise<NotAllowedError> {
    const { host } = this.#options;
    const { status } = response;
    const [{ loginHint }, { refusalReason }] = await Promise.all([
      import("./login_hint.ts"),
      import("./registry_message.ts"),
    ]);
    const reason = await refusalReason(response);
    return new NotAllowedError(
      `Cannot get a token for "${host}": ${displayUrl(url)} answered ${status}${reason}`,
      {
        hint: credentials === undefined
          ? await loginHint(host)
          : credentials.kind === "identity"
          ? `the login may have run out; log in again: docker login ${host}`
          : "check the user and the password",
        data: { status, host, scope: scopes.join(" ") },
      },
    );
  }

  #checkRealm(realm: string | undefined): URL {
    const url = realm !== undefined && URL.canParse(realm) ? new URL(realm) : undefined;
    const plain = url?.protocol === "http:" && this.#options.plain;
    if (url !== undefined && (url.protocol === "https:" || plain)) return url;
    throw new NotAllowedError(
      `Cannot get a token for "${this.#options.host}": its realm "${
        displayUrl(realm ?? "")
      }" is no https URL`,
    );
  }
}
