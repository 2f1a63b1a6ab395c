/** One request. */
export interface HttpRequest {
  /** @default {"GET"} */
  method?: string;
  /** Names and values; on a redirect to another origin, none goes along that may let somebody in. */
  headers?: Record<string, string>;
  /** The body; a function is called anew for each try. */
  body?: Uint8Array<ArrayBuffer> | string | (() => ReadableStream<Uint8Array>);
  /** Statuses besides 2xx that the caller handles itself: 304, 404, 416. */
  accept?: readonly number[];
  /** Whether an answer that would be tried again is one that the caller handles itself, as its status and first words say. */
  acceptIf?: (status: number, text: string) => boolean;
  /** What is being done, for messages: `fetch the bundle`. @default {the method} */
  action?: string;
  /** Whether redirects are followed; otherwise a 3xx must be accepted by the caller. @default {true} */
  follow?: boolean;
  /** Ends this request, beside the client's own signal. */
  signal?: AbortSignal;
}
