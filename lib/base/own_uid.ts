/** The user of this process; `undefined` where it may not be asked for. */
export function ownUid(): number | undefined {
  const isAllowed = Deno.permissions.querySync({ name: "sys", kind: "uid" }).state === "granted";
  return isAllowed ? Deno.uid() ?? undefined : undefined;
}
