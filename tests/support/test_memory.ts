import type { Memory } from "../../lib/oci/memory.ts";

/** A memory that can be looked into. */
export class TestMemory implements Memory {
  /** What is remembered, by scope and key. */
  readonly facts: Map<string, object> = new Map();

  recall(scope: string, key: string): unknown {
    return structuredClone(this.facts.get(`${scope} ${key}`));
  }

  remember(scope: string, key: string, value: object | undefined): void {
    if (value === undefined) this.facts.delete(`${scope} ${key}`);
    else this.facts.set(`${scope} ${key}`, value);
  }

  /** The upload that is remembered, where there is one. */
  get upload(): { location: string; offset: number } | undefined {
    const key = [...this.facts.keys()].find((name) => name.startsWith("upload "));
    return key === undefined ? undefined : this.facts.get(key) as never;
  }
}
