import type { HttpClient } from "./client.ts";

/** What sends requests: an {@linkcode HttpClient}, or what authorizes them first. */
export type Requester = Pick<HttpClient, "request">;
