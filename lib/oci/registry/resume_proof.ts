/**
 * The one request by which it is found out of a registry whether an upload can be asked for, and so gone on with after a failure or by a
 * later run. The first upload of several chunks sends it; a plan counts it for the first that it names.
 */
export class ResumeProof {
  #isKnown: () => boolean;
  #isPlanned = false;
  #isTaken = false;

  /** Nothing is to be found out where it is known. */
  constructor(isKnown: () => boolean) {
    this.#isKnown = isKnown;
  }

  /** Whether the upload that is planned now will send it. */
  plan(): boolean {
    const isDue = !this.#isPlanned && !this.#isKnown();
    this.#isPlanned ||= isDue;
    return isDue;
  }

  /** Whether the upload that is under way sends it now. */
  take(): boolean {
    const isDue = !this.#isTaken && !this.#isKnown();
    this.#isTaken ||= isDue;
    return isDue;
  }
}
