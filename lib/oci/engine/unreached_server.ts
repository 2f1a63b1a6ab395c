import { KedgeError } from "../../base/errors.ts";

/** An error of an engine that asked nothing of the server from which it was to fetch an image: what can be done if it cannot reach it. */
export function unreachedServer(error: unknown, name: string): unknown {
  if (!(error instanceof KedgeError) || error.constructor !== KedgeError) return error;
  if (error.hint !== undefined) return error;
  return new KedgeError(error.message, {
    cause: error,
    side: "destination",
    hint:
      `the engine of "${name}" asked nothing of this process on 127.0.0.1, which none reaches that is in a virtual machine or on ` +
      "another host: bring the image to a registry, and let it pull from there",
    data: { ...error.data, reached: false },
  });
}

/** Whether it is such an error. */
export function isUnreachedServer(error: unknown): boolean {
  return error instanceof KedgeError && error.data["reached"] === false;
}
