/** A TLS client's own certificate, and whom it trusts, in PEM. */
export interface TlsOptions {
  /** Certificates that are trusted besides the system's. */
  ca?: string;
  /** The client's certificate. */
  cert?: string;
  /** Its key. */
  key?: string;
}
