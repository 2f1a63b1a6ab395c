const inBothCases = (names: string[]): readonly string[] =>
  names.flatMap((name) => [name, name.toLowerCase()]);

/** The variables of the environment that name proxies, in the order in which they count. */
export const routeNames: readonly string[] = inBothCases([
  "ALL_PROXY",
  "HTTPS_PROXY",
  "HTTP_PROXY",
]);

/** Those that name what is reached without one. */
export const exemptNames: readonly string[] = inBothCases(["NO_PROXY"]);

/** All that say by which proxy something is reached. */
export const proxyNames: readonly string[] = [...routeNames, ...exemptNames];
