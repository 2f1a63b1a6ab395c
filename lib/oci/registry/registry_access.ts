/**
 * Lets requests in at one registry.
 *
 * Invariants: Authorization goes to the registry's own origin alone; a 401 is answered once for each request; a signed URL that ran out is
 * resolved anew; a refusal says the true status, the host and the scope; the first request goes ahead alone until it is answered, so that
 * of many that are sent at once only that one is refused. What authorizes is loaded by the first 401.
 *
 * @module
 */
import type { NotAllowedError, Side } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import type { Redactor } from "../../base/redactor.ts";
import type { HttpClient } from "../../http/client.ts";
import type { HttpRequest } from "../../http/http_request.ts";
import type { Credentials } from "./credentials.ts";
import { FoundOnce } from "./found_once.ts";
import type { RegistryOrigin } from "./registry_origin.ts";
import type { RegistryAuth } from "./registry_auth.ts";

/** What may be done to a repository. */
export type RegistryAction = "pull" | "pull,push" | "delete";

/** A request to a repository. */
export interface RegistryRequest extends HttpRequest {
  /** What it needs to be allowed. @default {"pull"} */
  may?: RegistryAction;
  /** A second repository that is read, in a mount. */
  from?: string;
}

/** What a {@linkcode RegistryAccess} is made of. */
export interface RegistryAccessOptions {
  /** The registry's host. */
  host: string;
  /** Where it is now. */
  origin: Pick<RegistryOrigin, "base" | "plain">;
  /** Sends the requests for tokens. */
  http: HttpClient;
  /** Told of requests that are sent again, and what is waited for. */
  meter?: Meter | undefined;
  /** Which side of a transfer the registry is on. */
  side?: Side | undefined;
  /** Learns passwords and tokens. */
  redactor?: Redactor | undefined;
  /** Finds the credentials for a repository. */
  credentials?: ((repository: string) => Promise<Credentials | undefined>) | undefined;
  /** Ends a search for credentials. */
  signal?: AbortSignal | undefined;
}

/** Authorizes requests as far as the registry asks for it. */
export class RegistryAccess {
  #options: RegistryAccessOptions;
  #auth: Promise<RegistryAuth> | undefined;
  #found = new FoundOnce<Credentials | undefined>();
  #given = new FoundOnce<Credentials | undefined>();
  /** Over once the first request was let in, or failed. */
  #first: PromiseWithResolvers<void> | undefined;
  #isFirstOver = false;

  /** Asks for nothing yet. */
  constructor(options: RegistryAccessOptions) {
    this.#options = options;
  }

  /**
   * Sends a request by `send`, which gets its headers and the statuses that are judged here.
   *
   * @throws {NotAllowedError} if it is refused for want of rights
   */
  async request(
    repository: string,
    url: string | URL,
    request: RegistryRequest,
    send: (headers: Record<string, string>, accept: readonly number[]) => Promise<Response>,
  ): Promise<Response> {
    const { headers = {}, accept = [] } = request;
    // Nothing of the registry is shown elsewhere, and what that answers is judged by who asks it.
    if (!this.#isOwn(url)) return await send(headers, accept);
    const scopes = scopesOf(repository, request);
    using _turn = await this.#turn(request.signal);
    let authorization = await this.#header(repository, scopes);
    for (let tried = 1;; tried++) {
      const response = await send(
        { ...headers, ...(authorization === undefined ? {} : { authorization }) },
        [...accept, 401, 403],
      );
      const { status } = response;
      if (status !== 401 && status !== 403) {
        await this.#letIn(repository, authorization);
        return response;
      }
      const elsewhere = this.#elsewhere(response);
      if (elsewhere !== undefined && tried < 3) {
        // A signed URL that ran out: the next try resolves the redirect anew.
        await response.body?.cancel();
        continue;
      }
      if (status === 401 && elsewhere === undefined && tried < 2) {
        const renewed = await this.#renew(response, repository, scopes, authorization);
        if (renewed !== undefined) {
          await response.body?.cancel();
          authorization = renewed;
          continue;
        }
      }
      throw await this.#refusal(response, repository, request, scopes, authorization);
    }
  }

  /** How many requests for tokens a request takes that is planned now: each is counted with the first that needs it. */
  async planTokens(repository: string, request: RegistryRequest): Promise<number> {
    const auth = await this.#auth;
    return await auth?.plan(repository, scopesOf(repository, request)) ? 1 : 0;
  }

  /** Takes note of how a try went: others do not wait for the next one, unless it is that of a request that was refused. */
  tried(status?: number): void {
    if (status !== 401) this.#endFirst();
  }

  #endFirst(): void {
    this.#isFirstOver = true;
    this.#first?.resolve();
  }

  /** Waits for the first request; of that itself, what ends the wait of the others. */
  async #turn(signal: AbortSignal | undefined): Promise<Disposable | undefined> {
    if (this.#isFirstOver) return undefined;
    if (this.#first === undefined) {
      this.#first = Promise.withResolvers<void>();
      return { [Symbol.dispose]: () => this.#endFirst() };
    }
    if (signal === undefined) await this.#first.promise;
    else await (await import("@std/async")).abortable(this.#first.promise, signal);
    return undefined;
  }

  #isOwn(url: string | URL): boolean {
    return new URL(url).origin === this.#options.origin.base.origin;
  }

  /** The host to which the registry redirected, if that answered. */
  #elsewhere({ url }: Response): string | undefined {
    return url === "" || this.#isOwn(url) ? undefined : new URL(url).host;
  }

  async #header(repository: string, scopes: readonly string[]): Promise<string | undefined> {
    return await (await this.#auth)?.header(repository, scopes);
  }

  async #letIn(repository: string, authorization: string | undefined): Promise<void> {
    if (authorization !== undefined) (await this.#auth)?.letIn(repository, authorization);
  }

  async #renew(
    response: Response,
    repository: string,
    scopes: readonly string[],
    refused: string | undefined,
  ): Promise<string | undefined> {
    const auth = await (this.#auth ??= this.#open());
    return await auth.renew(response, repository, scopes, refused);
  }

  async #open(): Promise<RegistryAuth> {
    const { RegistryAuth } = await import("./registry_auth.ts");
    const { host, side, origin: { plain }, http, redactor } = this.#options;
    return new RegistryAuth({
      host,
      side,
      plain,
      http,
      redactor,
      credentials: (repository, stale) =>
        this.#found.get(repository, () => this.#find(repository, stale), stale),
    });
  }

  async #find(repository: string, stale?: Credentials): Promise<Credentials | undefined> {
    const { host, credentials, redactor, meter, signal } = this.#options;
    if (credentials !== undefined) return await credentials(repository);
    const { findCredentials } = await import("./credentials.ts");
    return await findCredentials(host, repository, {
      redactor,
      onWait: (message) => meter?.note(message),
      given: this.#given,
      stale,
      signal,
    });
  }

  async #refusal(
    response: Response,
    repository: string,
    request: RegistryRequest,
    scopes: readonly string[],
    authorization: string | undefined,
  ): Promise<NotAllowedError> {
    const { refusal } = await import("./refusal.ts");
    const { host, side } = this.#options;
    const action = request.action ?? request.method ?? "GET";
    const elsewhere = this.#elsewhere(response);
    const place = (await this.#auth)?.placeOf(repository);
    const asked = { action, host, repository, scopes, authorization, place, side, elsewhere };
    return await refusal(response, asked);
  }
}

function scopesOf(repository: string, request: RegistryRequest): string[] {
  const scopes = [`repository:${repository}:${request.may ?? "pull"}`];
  if (request.from !== undefined && request.from !== repository) {
    scopes.push(`repository:${request.from}:pull`);
  }
  return scopes;
}
