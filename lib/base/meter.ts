/** Receives the progress of the work; figures and events are made from it. */
export interface Meter {
  /** One request was sent to a remote. */
  request(): void;
  /** How many were sent so far, for the whole. */
  readonly requests: number;
  /** Payload bytes went over the network or were written to a store. */
  moved(bytes: number): void;
  /** Payload bytes of the result were there already. */
  reused(bytes: number): void;
  /** Begins one object (a blob, a NAR, a bundle); `sizeBytes` where it is known. */
  object(label: string, sizeBytes?: number): ObjectMeter;
  /** Begins a share of the work with a name, such as one of several destinations; what it is told counts in the whole too. */
  part(label: string, bytesToMove: number): PartMeter;
  /** The rest of this phase takes so many milliseconds, if that is known better than from the bytes that moved; `Infinity` while it is not known. */
  left(ms: number): void;
  /** Tells the user something: a retry, a fallback, a wait. */
  note(message: string, level?: "info" | "warning"): void;
}

/** The progress of one object; disposing of it ends the object. */
export interface ObjectMeter extends Disposable {
  /** Bytes of this object moved; they count in the whole too. */
  moved(bytes: number): void;
  /** Bytes of this object were there already; they count in the whole too. */
  reused(bytes: number): void;
  /** So many of the bytes that were moved or there already of this object are void, and are moved anew; all where no number is given. */
  restarted(bytes?: number): void;
}

/** A share of the work. As soon as there is one, the parts together are all that is to be moved. */
export interface PartMeter extends Meter {
  /** So many more bytes are to be moved than was planned; fewer, if it is negative. */
  foresee(bytes: number): void;
}

/** A meter that tells nobody. */
export const silentMeter: Meter = {
  request() {},
  requests: 0,
  moved() {},
  reused() {},
  left() {},
  note() {},
  part: () => ({ ...silentMeter, foresee() {} }),
  object: () => ({ moved() {}, reused() {}, restarted() {}, [Symbol.dispose]() {} }),
};
