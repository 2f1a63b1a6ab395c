/** Permissions of Deno, as the `permissions` block of deno.json names them: everything, or a list. */
export interface PermissionSet {
  /** Files and folders that are read. */
  readonly read?: boolean | readonly string[];
  /** Files and folders that are written. */
  readonly write?: boolean | readonly string[];
  /** Hosts that are spoken to. */
  readonly net?: boolean | readonly string[];
  /** Environment variables that are read. */
  readonly env?: boolean | readonly string[];
  /** Programs that are run. */
  readonly run?: boolean | readonly string[];
  /** Facts of the system that are asked. */
  readonly sys?: boolean | readonly string[];
}
