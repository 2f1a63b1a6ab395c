/** A folder that is lent for a while, and removed when disposed of. */
export interface WorkFolder extends AsyncDisposable {
  /** Where it is. */
  readonly path: string;
}
