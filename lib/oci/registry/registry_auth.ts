/**
 * What a registry is shown with each request: nothing, Basic, or a Bearer token for the scope.
 *
 * Invariants: nothing is sent before the server asked for it; credentials go to the realm only over https, unless the registry itself is
 * spoken to in plain HTTP; one token is fetched at a time for each scope, however many requests wait for it, and none is asked for again that
 * was refused; a login that let in and is refused later is looked for once more.
 *
 * @module
 */
import { NotAllowedError } from "../../base/errors.ts";
import { askForToken, type AskForTokenOptions, headerOf, type Token } from "./ask_for_token.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";

/** What a {@linkcode RegistryAuth} is made of. */
export interface RegistryAuthOptions extends AskForTokenOptions {
  /** Finds the credentials for a repository: others, as far as there are others, than those that are good no longer. */
  credentials: (repository: string, stale?: Credentials) => Promise<Credentials | undefined>;
}

/** Authorizes the requests to one registry. */
export class RegistryAuth {
  #options: RegistryAuthOptions;
  #tokens = new Map<string, Promise<Token>>();
  #challenge: Challenge | undefined;
  #planned = new Set<string>();
  /** What is shown for each repository as it is, without a token. */
  #shown = new Map<string, { header: string; credentials: Credentials }>();
  /** What let in. */
  #worked = new WeakSet<Credentials>();

  /** Asks for nothing yet. */
  constructor(options: RegistryAuthOptions) {
    this.#options = options;
  }

  /** The Authorization header for a request to a repository, as far as it is known that one is needed. */
  async header(repository: string, scopes: readonly string[]): Promise<string | undefined> {
    if (this.#challenge === undefined) return undefined;
    const key = scopes.join(" ");
    const standing = await this.#tokens.get(key);
    if (standing !== undefined && standing.expires > Date.now()) return standing.header;
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
    if (header === undefined || header !== refused) return header;
    const stale = this.#shown.get(repository)?.credentials;
    if (stale === undefined || !this.#worked.has(stale)) return undefined;
    await this.#options.credentials(repository, stale);
    const next = await this.#fetchToken(key, repository, scopes, challenge);
    return next === refused ? undefined : next;
  }

  /** Where what is shown for a repository is kept, without a token. */
  placeOf(repository: string): string | undefined {
    return this.#shown.get(repository)?.credentials.place;
  }

  /** Takes note that a header let in. */
  letIn(repository: string, header: string): void {
    const shown = this.#shown.get(repository);
    if (shown?.header === header) this.#worked.add(shown.credentials);
  }

  async #fetchToken(
    key: string,
    repository: string,
    scopes: readonly string[],
    challenge: Challenge,
  ): Promise<string | undefined> {
    const before = this.#tokens.get(key);
    const credentials = await this.#options.credentials(repository);
    if (credentials !== undefined && needsNoToken(challenge, credentials)) {
      const header = headerOf(credentials);
      this.#shown.set(repository, { header, credentials });
      return header;
    }
    if (challenge.scheme === "basic") return undefined;
    const during = this.#tokens.get(key);
    if (during !== before && during !== undefined) return (await during).header;
    const token = this.#requestToken(repository, scopes, challenge, credentials);
    this.#tokens.set(key, token);
    try {
      return (await token).header;
    } catch (error) {
      // A refusal stands: whoever asks for the same again is told the same.
      if (!(error instanceof NotAllowedError)) this.#tokens.delete(key);
      throw error;
    }
  }

  async #requestToken(
    repository: string,
    scopes: readonly string[],
    challenge: Challenge,
    credentials: Credentials | undefined,
  ): Promise<Token> {
    const ask = async (by: Credentials | undefined) => {
      const token = await askForToken(scopes, challenge, by, this.#options);
      if (by !== undefined) this.#worked.add(by);
      return token;
    };
    try {
      return await ask(credentials);
    } catch (error) {
      const isStale = error instanceof NotAllowedError && credentials !== undefined &&
        this.#worked.has(credentials);
      if (!isStale) throw error;
      const next = await this.#options.credentials(repository, credentials);
      if (next !== undefined && headerOf(next) === headerOf(credentials)) throw error;
      return await ask(next);
    }
  }
}

/** Whether a request is shown the credentials themselves. */
function needsNoToken({ scheme }: Challenge, { kind }: Credentials): boolean {
  return kind === (scheme === "basic" ? "basic" : "registry");
}
