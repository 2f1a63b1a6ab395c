import { counted } from "../../lib/base/counted.ts";
import { defined } from "../../lib/base/defined.ts";
import { KedgeError, toError } from "../../lib/base/errors.ts";
import { type DestinationReference, formatDestination } from "../../lib/oci/engine_reference.ts";
import { wordsOf } from "../../lib/operation/error_data.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { inWords } from "../shared/in_words.ts";
import type { CopyImagesMore } from "./copy_options.ts";
import { actionOf, type ImageRoute } from "./routes.ts";

/** What failed of a list of images of which the rest is copied all the same. */
export class ListFailures {
  #context: TaskContext;
  #errors: Error[] = [];
  #told = new Set<string>();

  /** Nothing failed yet. */
  constructor(context: TaskContext) {
    this.#context = context;
  }

  /** Leaves out an image, and tells why and what to do about it, once for all destinations that would have got the same words. */
  add(subject: string, error: unknown): void {
    this.#context.signal.throwIfAborted();
    const failure = toError(error);
    this.#errors.push(failure);
    const message = `${wordsOf(failure)}; going on without it`;
    if (this.#told.has(message)) return;
    this.#told.add(message);
    const hint = failure instanceof KedgeError ? failure.hint : undefined;
    this.#context.report({
      operation: crypto.randomUUID(),
      kind: "image",
      subject,
      type: "note",
      level: "warning",
      message,
      ...defined({ hint }),
    });
  }

  /**
   * Copies by these routes, and without those that fail once more, until nothing fails; what arrived is not moved again.
   *
   * @throws {AggregateError} if anything failed; the last of its errors may be one that is of no single image, and ended the others
   */
  async copyOthers<R>(
    routes: readonly ImageRoute[],
    copy: (
      routes: readonly ImageRoute[],
      onFailure: NonNullable<CopyImagesMore["onFailure"]>,
    ) => Promise<R>,
  ): Promise<R> {
    let left = routes;
    let result: R | undefined;
    while (left.length > 0 && result === undefined) {
      const failed = new Map<DestinationReference, unknown>();
      try {
        result = await copy(left, (to, error) => void failed.set(to, error));
      } catch (error) {
        this.#context.signal.throwIfAborted();
        if (failed.size === 0) {
          if (this.#errors.length === 0) throw error;
          throw this.#all([error], this.#errors.length + countOf(left));
        }
        for (const [to, each] of failed) await this.#leaveOut(left, to, each);
        left = left.flatMap(({ from, to }) => {
          const others = to.filter((each) => !failed.has(each));
          return others.length === 0 ? [] : [{ from, to: others }];
        });
      }
    }
    const { length: count } = this.#errors;
    if (count === 0) return result!;
    throw this.#all([], count, countOf(left));
  }

  #all(more: readonly unknown[], failed: number, done = 0): AggregateError {
    return new AggregateError(
      [...this.#errors, ...more.map(toError)],
      `Cannot sync ${failed} of ${counted(failed + done, "image")}`,
    );
  }

  /** What the system says against a file is told with the image that it is about. */
  async #leaveOut(
    routes: readonly ImageRoute[],
    to: DestinationReference,
    error: unknown,
  ): Promise<void> {
    const { from } = routes.find((route) => route.to.includes(to))!;
    const told = await inWords(actionOf([{ from, to: [to] }]), () => Promise.reject(error))
      .catch((error) => error);
    this.add(formatDestination(to), told);
  }
}

function countOf(routes: readonly ImageRoute[]): number {
  return routes.reduce((sum, { to }) => sum + to.length, 0);
}
