/**
 * How a worker speaks with who made it; typed here, since a package may not ask for the worker's library of types.
 *
 * @module
 */

/** Hears messages of one type and says messages of another. */
export interface WorkerPort<In, Out> {
  /** Says something, and gives away what it transfers. */
  postMessage(message: Out, transfer?: Transferable[]): void;
  /** Hears what comes. */
  addEventListener(type: "message", listen: (event: MessageEvent<In>) => void): void;
}

/** The port of the worker that this code runs in. */
export function workerPort<In, Out>(): WorkerPort<In, Out> {
  return globalThis as unknown as WorkerPort<In, Out>;
}
