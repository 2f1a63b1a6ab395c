/** Whether the environment names a proxy, as far as that may be asked for. */
export function namesProxy(): boolean {
  return ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"].some((name) =>
    [name, name.toLowerCase()].some((variable) => {
      const { state } = Deno.permissions.querySync({ name: "env", variable });
      return state === "granted" && Deno.env.get(variable);
    })
  );
}
