import { UsageError } from "./errors.ts";
import { longestSecret, type Redactor, shortestSecret } from "./redactor.ts";

/**
 * A value that does not print: every way of turning it into a text gives `[secret NAME]`. Only
 * {@linkcode Secret.reveal} gives the value.
 */
export class Secret {
  #value: string;
  /** Where the value came from: `env TOKEN`, `file /run/key`. */
  readonly label: string;

  /**
   * Wraps a value and makes it known to a redactor.
   *
   * @throws {UsageError} if the value is empty, or too short or too long to be hidden
   */
  constructor(value: string, label: string, redactor: Pick<Redactor, "add">) {
    if (value === "") throw new UsageError(`Cannot use the secret of ${label}: it is empty`);
    if (value.trim().length < shortestSecret) {
      throw new UsageError(
        `Cannot use the secret of ${label}: it has fewer than ${shortestSecret} characters`,
        { hint: "so short a value cannot be kept out of what is shown" },
      );
    }
    if (value.length > longestSecret) {
      throw new UsageError(
        `Cannot use the secret of ${label}: it has more than ${longestSecret} characters`,
        { hint: "so long a value cannot be kept out of what is shown" },
      );
    }
    this.#value = value;
    this.label = label;
    redactor.add(value);
  }

  /** The value itself. */
  reveal(): string {
    return this.#value;
  }

  /** The label, never the value. */
  toString(): string {
    return `[secret ${this.label}]`;
  }

  /** The label, never the value. */
  toJSON(): string {
    return this.toString();
  }

  /** The label, never the value. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** The label, never the value. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}
