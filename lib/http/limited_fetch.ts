import type { RateLimit } from "../base/rate_limit.ts";
import { holdResponse } from "./hold_response.ts";

/** Sends one request. */
type Fetch = (request: string, init: RequestInit) => Promise<Response>;

/** The same as `send`, the bodies of all answers together no faster than a rate; what is not read is not asked for either. */
export function limitedFetch(send: Fetch, limit: RateLimit): Fetch {
  return async (request, init) => {
    const response = holdResponse(await send(request, init));
    if (response.body === null) return response;
    const { status, statusText, headers, url } = response;
    const body = limit.stream(response.body, init.signal);
    const limited = new Response(body, { status, statusText, headers });
    return Object.defineProperty(limited, "url", { value: url });
  };
}
