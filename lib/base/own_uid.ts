import { isGranted } from "./is_granted.ts";

/** The user of this process; `undefined` where it may not be asked for. */
export function ownUid(): number | undefined {
  return isGranted({ name: "sys", kind: "uid" }) ? Deno.uid() ?? undefined : undefined;
}
