/** A login that a netrc file holds. */
export interface NetrcLogin {
  /** The user's name. */
  user: string;
  /** The password. */
  password: string;
}

/** The login of a host in a netrc file, or its default; `undefined` where it has neither. Macros are passed over. */
export function findInNetrc(text: string, host: string): NetrcLogin | undefined {
  const words = text.replace(/^\s*macdef\b[\s\S]*?(?:\n\s*\n|$(?![\s\S]))/gm, "\n")
    .replace(/(^|\s)#.*$/gm, "$1").split(/\s+/).filter((word) => word !== "");
  let within = false;
  let fallback = false;
  let login: Partial<NetrcLogin> = {};
  const complete = () =>
    login.password === undefined ? undefined : { user: login.user ?? "", password: login.password };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "machine" || word === "default") {
      if (within && complete() !== undefined) return complete();
      fallback = word === "default";
      within = fallback || words[++i] === host;
      login = {};
    } else if (word === "login" || word === "password" || word === "account") {
      const value = words[++i];
      if (within && value !== undefined && word === "login") login.user = value;
      if (within && value !== undefined && word === "password") login.password = value;
    }
  }
  return within ? complete() : undefined;
}
