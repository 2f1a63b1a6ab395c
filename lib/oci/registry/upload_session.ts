/**
 * One upload at a registry: opened by POST, filled by PATCH, asked by GET, ended by PUT.
 *
 * Invariants: each answer's Location is checked and is where the next request goes; a chunk goes out only at the offset that the registry
 * has; a state that cannot be understood counts as lost.
 *
 * @module
 */
import { NotAllowedError } from "../../base/errors.ts";
import { uploadLocation } from "./upload_location.ts";
import type { RegistryHost } from "./registry_host.ts";

/** Where an upload stands. */
export interface SessionState {
  /** Where its next request goes. */
  readonly location: URL;
  /** How many bytes the registry says that it has; `undefined` where it says nothing. */
  readonly offset: number | undefined;
  /** The smallest chunk that it asks for, in bytes. */
  readonly minChunkBytes: number;
}

/**
 * Opens an upload.
 *
 * @throws {KedgeError} if the registry does not say where it is, or says a place that may not be followed
 */
export async function openSession(
  host: RegistryHost,
  repository: string,
  signal?: AbortSignal,
): Promise<SessionState> {
  const url = new URL(`${repository}/blobs/uploads/`, host.base);
  const response = await host.request(repository, url, {
    method: "POST",
    headers: { "content-length": "0" },
    may: "pull,push",
    action: "open an upload",
    ...(signal === undefined ? {} : { signal }),
  });
  await response.body?.cancel();
  return { ...sessionState(host, response, url), location: uploadLocation(host, response, url) };
}

/** Asks how far an upload is; `undefined` if it is lost, or may not be asked for. */
export async function askSession(
  host: RegistryHost,
  repository: string,
  location: URL,
  signal?: AbortSignal,
): Promise<SessionState | undefined> {
  let response: Response;
  try {
    response = await host.request(repository, location, {
      may: "pull,push",
      accept: [400, 404, 405, 410, 416],
      action: "ask for the upload",
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (error instanceof NotAllowedError) return undefined;
    throw error;
  }
  await response.body?.cancel();
  if (response.status !== 204 && response.status !== 202) return undefined;
  return sessionState(host, response, location);
}

/** Gives an upload up; that it is gone already, or cannot or may not be given up, is fine: the registry ends it in time. */
export async function dropSession(
  host: RegistryHost,
  repository: string,
  location: URL,
): Promise<void> {
  try {
    const response = await host.request(repository, location, {
      method: "DELETE",
      may: "pull,push",
      accept: [400, 404, 405, 410, 501],
      action: "give up the upload",
    });
    await response.body?.cancel();
  } catch (error) {
    if (!(error instanceof NotAllowedError)) throw error;
  }
}

/** What an answer about an upload says of it. */
export function sessionState(host: RegistryHost, response: Response, from: URL): SessionState {
  const location = response.headers.has("location") ? uploadLocation(host, response, from) : from;
  const range = /^(?:bytes=)?(\d+)-(\d+)$/.exec(response.headers.get("range") ?? "");
  const last = range === null || range[1] !== "0" ? undefined : Number(range[2]);
  const min = Number(response.headers.get("oci-chunk-min-length") ?? 0);
  return {
    location,
    // Registries say 0-0 of an empty upload as well as of one that has a single byte; nobody sends a single byte.
    offset: last === undefined ? undefined : last === 0 ? 0 : last + 1,
    minChunkBytes: Number.isSafeInteger(min) && min > 0 ? min : 0,
  };
}
