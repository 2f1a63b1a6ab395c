/**
 * Lets tasks in: their needs are met, and a person confirmed what asks for it.
 *
 * Invariants: who asks for a task that is being judged waits for that; a task is asked about once, and what was declined stays declined,
 * whoever wants it again; one question stands at a time; nobody is asked before every need is met.
 *
 * @module
 */
import { KedgeError, UsageError } from "../base/errors.ts";
import type { NeedsOptions } from "./check_needs.ts";
import type { GraphNode } from "./graph.ts";
import { Semaphore } from "./semaphore.ts";

/** How tasks are let in. */
export interface AdmissionOptions extends NeedsOptions {
  /** Whether those are let in unasked that want to be confirmed. */
  readonly unasked: boolean;
  /** Asks the person at the terminal; `undefined` where there is none. */
  confirm(question: string, signal: AbortSignal): Promise<boolean | undefined>;
}

/** Lets the tasks of one run in. */
export class Admission {
  #options: AdmissionOptions;
  #judged = new Map<GraphNode, Promise<void>>();
  #answers = new Map<GraphNode, Promise<void>>();
  #questions = new Semaphore(1);

  /** Asks nobody yet. */
  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Lets a task in, with all that it waits for.
   *
   * @throws {UsageError} if something that one of them needs is missing
   * @throws {KedgeError} if one of them was not confirmed
   */
  async admit(node: GraphNode): Promise<void> {
    const nodes = withDeps(node);
    const fresh = [...nodes].filter((each) => !this.#judged.has(each));
    const judgement = this.#judge(fresh);
    for (const each of fresh) this.#judged.set(each, judgement);
    try {
      await Promise.all([...nodes].map((each) => this.#judged.get(each)));
    } catch (error) {
      // Which of them it was does not matter to who needs only another.
      for (const each of fresh) this.#judged.delete(each);
      throw error;
    }
  }

  async #judge(nodes: readonly GraphNode[]): Promise<void> {
    const needs = nodes.map(({ task }) => ({ task: task.name, needs: task.declared.needs }))
      .filter((each) => each.needs.length > 0);
    if (needs.length > 0) {
      const { checkNeeds } = await import("./check_needs.ts");
      await checkNeeds(needs, this.#options);
    }
    if (this.#options.unasked) return;
    for (const node of nodes) {
      let answer = this.#answers.get(node);
      if (answer === undefined) this.#answers.set(node, answer = this.#ask(node));
      await answer;
    }
  }

  async #ask({ task, args, label }: GraphNode): Promise<void> {
    const question: unknown = task.declared.confirm?.(args);
    if (question === undefined) return;
    if (typeof question !== "string") {
      throw new UsageError(`Cannot run "${label}": its confirm gave no text to ask`, {
        hint: "a function of confirm gives a text, and is not async",
      });
    }
    using _turn = await this.#questions.acquire();
    const { signal } = this.#options;
    signal.throwIfAborted();
    const answer = await this.#options.confirm(question, signal);
    if (answer === true) return;
    throw new KedgeError(
      `Cannot run "${label}": ${answer === false ? "it was declined" : "nobody confirmed it"}`,
      { hint: answer === false ? "nothing was done" : `--yes answers: ${question}` },
    );
  }
}

/** A node and all that it waits for, each after those. */
function withDeps(node: GraphNode, all: Set<GraphNode> = new Set()): Set<GraphNode> {
  if (all.has(node)) return all;
  for (const dep of node.deps.values()) withDeps(dep, all);
  return all.add(node);
}
