import type { FakeRegistryOptions, Faults, Quirk } from "./options.ts";
import { FakeRegistryStore } from "./store.ts";

/** What the parts of a registry have in common. */
export class RegistryGround {
  /** What it holds. */
  readonly store: FakeRegistryStore = new FakeRegistryStore();
  /** What goes wrong. */
  readonly faults: Faults;
  /** How it misbehaves. */
  readonly quirks: Set<Quirk>;
  /** How it was started. */
  readonly options: FakeRegistryOptions;
  /** Waited for before a range fails that is beyond the last ones. */
  beforeLoss: () => Promise<void> = () => Promise.resolve();
  /** Bytes of blobs that were sent out. */
  sentBytes = 0;
  /** Bytes of blobs that came in. */
  receivedBytes = 0;

  /** Holds nothing yet. */
  constructor(options: FakeRegistryOptions) {
    this.options = options;
    this.faults = { ...options.faults };
    this.quirks = new Set(options.quirks);
  }

  /** Whether a fault is due now, which counts down. */
  fails(fault: keyof Faults): boolean {
    const left = this.faults[fault] ?? 0;
    if (left <= 0) return false;
    this.faults[fault] = left - 1;
    return true;
  }
}
