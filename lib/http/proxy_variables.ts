const names = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] as const;

/** The proxies of the environment: what `node:http` is told of them, which takes none without a scheme, as others do. */
export function proxyVariables(): Record<string, string | undefined> {
  const found = names.map((name) => [name, valueOf(name)] as const);
  return Object.fromEntries(found.map(([name, value]) => {
    const isBare = value && name !== "NO_PROXY" && !/^[a-z][a-z0-9+.-]*:\/\//i.test(value);
    return [name, isBare ? `http://${value}` : value];
  }));
}

/** Whether the environment names a proxy, as far as that may be asked for. */
export function namesProxy(): boolean {
  return ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].some((name) =>
    [name, name.toLowerCase()].some((variable) => {
      const { state } = Deno.permissions.querySync({ name: "env", variable });
      return state === "granted" && Deno.env.get(variable);
    })
  );
}

function valueOf(name: string): string | undefined {
  return Deno.env.get(name) ?? Deno.env.get(name.toLowerCase());
}
