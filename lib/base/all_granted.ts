const permissions = ["ffi", "read", "write", "net", "env", "sys", "run", "import"] as const;

/** Whether each of Deno's permissions is granted, and none in part: only then some names are let through, as those below `/proc`. */
export function allIsGranted(): boolean {
  return permissions.every((name) => {
    const { state, partial } = Deno.permissions.querySync({ name });
    return state === "granted" && !partial;
  });
}
