import type { Meter, ObjectMeter, PartMeter } from "../base/meter.ts";
import type {
  ObjectProgress,
  OperationEvent,
  OperationEventBase,
  PartProgress,
  Phase,
} from "./event.ts";

type MeterEvent = Extract<
  OperationEvent,
  { type: "progress" | "object-start" | "object-end" | "note" }
> extends infer E ? E extends OperationEvent ? Omit<E, keyof OperationEventBase> : never : never;

const progressEveryMs = 100;

/**
 * Adds up what the floors below tell, and makes events of it, at most one progress event each 100 ms; what came in between is told at the end
 * of them, though nothing follows for a while.
 */
export class OperationMeter implements Meter, Disposable {
  /** Requests sent so far. */
  requests = 0;
  /** Payload bytes moved so far. */
  bytesMoved = 0;
  /** Payload bytes found in place so far. */
  bytesReused = 0;
  /** What the plan foresees. */
  bytesToMove = 0;
  #phase: Phase = "plan";
  #leftMs: number | undefined;
  #emit: (event: MeterEvent) => void;
  #lastProgress = -Infinity;
  #dirty = false;
  #later: AbortSignal | undefined;
  #isEnded = false;
  #parts: PartProgress[] = [];
  #objects = new Set<ObjectProgress>();

  /** Emits through the given function. */
  constructor(emit: (event: MeterEvent) => void) {
    this.#emit = emit;
  }

  /** A phase begins. */
  enter(phase: Phase): void {
    this.flush();
    this.#phase = phase;
    this.#leftMs = undefined;
  }

  request(): void {
    this.requests++;
    this.#progress();
  }

  moved(bytes: number): void {
    this.bytesMoved += bytes;
    this.#progress();
  }

  reused(bytes: number): void {
    this.bytesReused += bytes;
    this.#progress();
  }

  left(ms: number): void {
    this.#leftMs = ms;
    this.#progress();
  }

  note(message: string, level: "info" | "warning" = "info"): void {
    this.#emit({ type: "note", level, message });
  }

  object(label: string, sizeBytes?: number): ObjectMeter {
    return this.#object(label, sizeBytes);
  }

  #object(label: string, sizeBytes?: number, onVoid?: (bytes: number) => void): ObjectMeter {
    const about = { label, ...(sizeBytes === undefined ? {} : { sizeBytes }) };
    const object: ObjectProgress = { ...about, bytesMoved: 0, bytesReused: 0 };
    this.#objects.add(object);
    this.#emit({ type: "object-start", ...about });
    return {
      moved: (bytes) => {
        object.bytesMoved += bytes;
        this.moved(bytes);
      },
      reused: (bytes) => {
        object.bytesReused += bytes;
        this.reused(bytes);
      },
      restarted: (bytes = Infinity) => {
        const ofMoved = Math.min(bytes, object.bytesMoved);
        const ofReused = Math.min(bytes - ofMoved, object.bytesReused);
        object.bytesMoved -= ofMoved;
        object.bytesReused -= ofReused;
        // What went over the network stays counted: there is as much more to move.
        this.bytesToMove += ofMoved + ofReused;
        onVoid?.(ofMoved + ofReused);
        this.reused(-ofReused);
      },
      [Symbol.dispose]: () => {
        if (!this.#objects.delete(object)) return;
        const { bytesMoved, bytesReused } = object;
        this.#emit({ type: "object-end", label, bytesMoved, bytesReused });
      },
    };
  }

  part(label: string, bytesToMove: number): PartMeter {
    const part = { label, bytesMoved: 0, bytesToMove };
    const requests = () => this.requests;
    this.#parts.push(part);
    const moved = (bytes: number) => {
      part.bytesMoved += bytes;
      this.moved(bytes);
    };
    return {
      request: () => this.request(),
      get requests() {
        return requests();
      },
      reused: (bytes) => this.reused(bytes),
      left: (ms) => this.left(ms),
      note: (message, level) => this.note(message, level),
      part: (inner, bytes) => this.part(inner, bytes),
      moved,
      foresee: (bytes) => {
        part.bytesToMove += bytes;
        this.#progress();
      },
      object: (name, sizeBytes) => {
        const object = this.#object(name, sizeBytes, (bytes) => part.bytesToMove += bytes);
        return {
          ...object,
          moved: (bytes) => {
            part.bytesMoved += bytes;
            object.moved(bytes);
          },
        };
      },
    };
  }

  /** Emits the progress that was held back. */
  flush(): void {
    this.#later = undefined;
    if (!this.#dirty) return;
    this.#dirty = false;
    this.#lastProgress = performance.now();
    this.#emit({
      type: "progress",
      phase: this.#phase,
      bytesMoved: this.bytesMoved,
      bytesReused: this.bytesReused,
      bytesToMove: this.#parts.length === 0
        ? this.bytesToMove
        : this.#parts.reduce((sum, part) => sum + part.bytesToMove, 0),
      requests: this.requests,
      ...(this.#leftMs === undefined ? {} : { leftMs: this.#leftMs }),
      ...(this.#parts.length < 2 ? {} : { parts: this.#parts.map((part) => ({ ...part })) }),
      ...(this.#objects.size === 0
        ? {}
        : { objects: Array.from(this.#objects, (object) => ({ ...object })) }),
    });
  }

  /** Nothing is told any more of what is held back. */
  [Symbol.dispose](): void {
    this.#later = undefined;
    this.#isEnded = true;
  }

  #progress(): void {
    this.#dirty = true;
    const dueMs = this.#lastProgress + progressEveryMs - performance.now();
    if (dueMs <= 0) this.flush();
    else if (!this.#isEnded && this.#later === undefined) this.#flushIn(dueMs);
  }

  /** A timer would bring all of Node's timers along, which takes longer than many an operation; this one keeps no process alive. */
  #flushIn(ms: number): void {
    const later = AbortSignal.timeout(Math.ceil(ms));
    this.#later = later;
    later.addEventListener("abort", () => {
      if (this.#later === later) this.flush();
    }, { once: true });
  }
}
