/** Of each body its response. */
const responses = new WeakMap<ReadableStream, Response>();

/**
 * Keeps a response for as long as its body is kept: once Deno collected the one, no signal ends the other any longer, and whoever reads it
 * waits for ever.
 */
export function holdResponse(response: Response): Response {
  if (response.body !== null) responses.set(response.body, response);
  return response;
}
