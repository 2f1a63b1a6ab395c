import type { Digest } from "../../base/digest.ts";
import { entryOf, Layout, nameOf } from "./layout.ts";
import type { LayoutIntake, LayoutIntakeOptions } from "./layout_intake.ts";

/** One layout that is written, shared by all images of a call that go there. What takes blobs in is loaded by the first that is missing. */
export class LayoutPlace implements Disposable {
  /** The layout. */
  readonly layout: Layout;
  #options: LayoutIntakeOptions;
  #intake: LayoutIntake | undefined;
  #pointers: Promise<ReadonlyMap<string | undefined, Digest>> | undefined;

  /** Touches no disk; the signal ends a wait for other writers. */
  constructor(
    folder: string,
    options: LayoutIntakeOptions & { signal?: AbortSignal | undefined } = {},
  ) {
    this.layout = new Layout(folder, options.signal);
    this.#options = options;
  }

  /** What takes blobs in. */
  async intake(): Promise<LayoutIntake> {
    const { LayoutIntake } = await import("./layout_intake.ts");
    return this.#intake ??= new LayoutIntake(this.layout, this.#options);
  }

  /** What a name pointed to when it was first asked for any. */
  async pointer(name: string | undefined): Promise<Digest | undefined> {
    const pointers = await (this.#pointers ??= this.#read());
    return pointers.get(name);
  }

  /** Ends the hashing. */
  [Symbol.dispose](): void {
    this.#intake?.[Symbol.dispose]();
  }

  async #read(): Promise<ReadonlyMap<string | undefined, Digest>> {
    const pointers = new Map<string | undefined, Digest>();
    const entries = await this.layout.entries();
    for (const entry of entries) {
      const name = nameOf(entry);
      if (name !== undefined && !pointers.has(name)) pointers.set(name, entry.digest);
    }
    const unnamed = entryOf(entries, undefined);
    if (unnamed !== undefined) pointers.set(undefined, unnamed.digest);
    return pointers;
  }
}
