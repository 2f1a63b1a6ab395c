const names = ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"];

/** The variables of the environment that name proxies, and what is reached without, as far as they may be asked for. */
export function knownProxies(): Record<string, string | undefined> {
  return Object.fromEntries(
    [...names, "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()])
      .map((name) => [name, granted(name)]),
  );
}

/** Whether the environment names a proxy, as far as that may be asked for. */
export function namesProxy(): boolean {
  return names.some((name) => granted(name) || granted(name.toLowerCase()));
}

function granted(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
