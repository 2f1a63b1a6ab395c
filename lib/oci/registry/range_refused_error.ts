import { KedgeError } from "../../base/errors.ts";

/** A registry answered with anything but the range that it was asked for. */
export class RangeRefusedError extends KedgeError {
  override readonly name = "RangeRefusedError";
}
