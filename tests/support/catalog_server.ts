/**
 * The reference server of the catalog protocol that `lib/catalog/http_catalog.ts` documents, in memory.
 *
 * @module
 */
import { entryId } from "../../lib/catalog/catalog_entry.ts";
import type { CatalogEntry, CatalogEntryDraft } from "../../lib/catalog/catalog_entry.ts";
import type { HistoryLine } from "../../lib/catalog/catalog.ts";

/** A request that came to a {@linkcode CatalogServer}. */
export interface CatalogRequest {
  /** The method. */
  method: string;
  /** The path below the base. */
  path: string;
  /** The headers. */
  headers: Headers;
}

/** What a {@linkcode CatalogServer} does wrong; `commit-and-cut` does what is asked, then closes the connection. */
export type CatalogFault = Response | "commit-and-cut" | undefined;

interface Kept {
  entry: CatalogEntry;
  revision: number;
}

/** Keeps entries in memory and misbehaves on request. */
export class CatalogServer implements AsyncDisposable {
  /** All entries by id. */
  readonly entries = new Map<string, Kept>();
  /** All moves of pointers, oldest first. */
  readonly history: HistoryLine[] = [];
  /** All requests that came. */
  readonly requests: CatalogRequest[] = [];
  /** The bearer token that a writer must show. */
  token: string | undefined;
  /** What goes wrong. */
  fault: (request: CatalogRequest) => CatalogFault | Promise<CatalogFault> = () => undefined;
  readonly #current = new Map<string, string>();
  readonly #answered = new Map<string, { status: number; id: string }>();
  readonly #listener: Deno.HttpServer<Deno.NetAddr>;

  /** Listens at once, on a free port of loopback. */
  constructor() {
    this.#listener = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#handle(request),
    );
  }

  /** The base URL. */
  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}/catalog`;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.shutdown();
  }

  async #handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const path = url.pathname.replace(/^\/catalog\//, "");
    const came = { method: request.method, path, headers: request.headers };
    this.requests.push(came);
    const fault = await this.fault(came);
    if (fault instanceof Response) {
      await request.body?.cancel();
      return fault;
    }
    const writes = request.method !== "GET" || request.headers.get("kedge-intent") === "write";
    if (
      writes && this.token !== undefined &&
      request.headers.get("authorization") !== `Bearer ${this.token}`
    ) {
      await request.body?.cancel();
      return new Response("who are you", { status: 401 });
    }
    const body = request.method === "PUT" ? await request.json().catch(() => undefined) : undefined;
    if (request.method === "PUT" && body === undefined) return new Response("cut", { status: 400 });
    const response = this.#answer(request, path.split("/").map(decodeURIComponent), url, body);
    if (fault !== "commit-and-cut") return response;
    // The connection breaks off in the middle of the answer.
    return new Response(
      new ReadableStream({
        start: (controller) => {
          controller.enqueue(new TextEncoder().encode('{"id":'));
          controller.close();
        },
      }),
      { headers: { "content-length": "10000" } },
    );
  }

  #answer(request: Request, [kind, ...rest]: string[], url: URL, body: unknown): Response {
    const { method } = request;
    const [name = "", version = "", system = ""] = rest;
    if (kind === "entries" && rest.length === 0 && method === "GET") return this.#list(url);
    if (kind === "history" && method === "GET") {
      return Response.json({
        history: this.history.filter((line) => line.name === name).reverse(),
      });
    }
    if (kind === "current" && method === "PUT") {
      return this.#point(request, name, version, (body as { version: string }).version);
    }
    if (kind !== "entries") return new Response("no such thing", { status: 404 });
    const id = entryId({ name, version, system });
    const kept = this.entries.get(id);
    if (method === "GET") {
      return kept === undefined ? new Response(null, { status: 404 }) : this.#show(kept);
    }
    if (method === "DELETE") {
      if (kept === undefined) return new Response(null, { status: 404 });
      if (this.#isCurrent(kept.entry)) return new Response("it is current", { status: 409 });
      this.entries.delete(id);
      return new Response(null, { status: 204 });
    }
    return this.#put(request, id, body as CatalogEntryDraft, kept);
  }

  #put(request: Request, id: string, draft: CatalogEntryDraft, kept: Kept | undefined): Response {
    const key = request.headers.get("idempotency-key");
    if (key === null) return new Response("no Idempotency-Key", { status: 400 });
    const before = this.#answered.get(`${id} ${key}`);
    if (before !== undefined && this.entries.has(id)) {
      return this.#show(this.entries.get(id)!, before.status);
    }
    if (kept !== undefined && String(kept.entry.storePaths) !== String(draft.storePaths)) {
      return new Response("other store paths", { status: 409 });
    }
    const ifMatch = request.headers.get("if-match");
    const fine = kept === undefined ? ifMatch === null : ifMatch === `"${kept.revision}"`;
    if (!fine) return new Response("changed", { status: 412 });
    const now = new Date().toISOString();
    const entry = {
      ...draft,
      id,
      created: kept?.entry.created ?? now,
      updated: now,
      current: true,
    };
    this.entries.set(id, { entry, revision: (kept?.revision ?? 0) + 1 });
    const status = kept === undefined ? 201 : 200;
    this.#answered.set(`${id} ${key}`, { status, id });
    this.#move(entry, "publish");
    return this.#show(this.entries.get(id)!, status);
  }

  #point(request: Request, name: string, system: string, version: string): Response {
    const current = this.#current.get(`${name}/${system}`);
    if (request.headers.get("if-match") !== JSON.stringify(current)) {
      return new Response(`it is ${current}`, { status: 412 });
    }
    const kept = this.entries.get(entryId({ name, version, system }));
    if (kept === undefined) return new Response("no such entry", { status: 404 });
    this.#move(kept.entry, "rollback");
    return this.#show(kept);
  }

  #move({ name, system, version }: CatalogEntry, action: HistoryLine["action"]): void {
    if (this.#current.get(`${name}/${system}`) === version) return;
    this.#current.set(`${name}/${system}`, version);
    this.history.push({ name, system, version, action, at: new Date().toISOString() });
  }

  #list(url: URL): Response {
    const entries = [...this.entries.values()].reverse().map(({ entry }) => this.#seen(entry))
      .filter((entry) =>
        [...url.searchParams].every(([field, value]) => entry[field as "name"] === value)
      );
    return Response.json({ entries });
  }

  #show({ entry, revision }: Kept, status = 200): Response {
    return Response.json(this.#seen(entry), { status, headers: { etag: `"${revision}"` } });
  }

  #seen(entry: CatalogEntry): CatalogEntry {
    return { ...entry, current: this.#isCurrent(entry) };
  }

  #isCurrent({ name, system, version }: CatalogEntry): boolean {
    return this.#current.get(`${name}/${system}`) === version;
  }
}
