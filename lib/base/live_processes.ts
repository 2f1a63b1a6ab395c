/** What must be killed when the program is to end at once. */
export class LiveProcesses {
  #kills = new Set<() => void>();

  /** Remembers how to kill something until the result is disposed of. */
  add(kill: () => void): Disposable {
    this.#kills.add(kill);
    return { [Symbol.dispose]: () => void this.#kills.delete(kill) };
  }

  /** Kills all that lives. */
  killAll(): void {
    for (const kill of this.#kills) kill();
  }
}

/** All children of this program. */
export const liveProcesses: LiveProcesses = new LiveProcesses();
