/** A login that a netrc file holds. */
export interface NetrcLogin {
  /** The user's name. */
  user: string;
  /** The password. */
  password: string;
}

/** The login of a host in a netrc file, or its default; `undefined` where it has neither. Macros are passed over. */
export function findInNetrc(text: string, host: string): NetrcLogin | undefined {
  const words = wordsOf(
    text.replace(/^\s*macdef\b[\s\S]*?(?:\n\s*\n|$(?![\s\S]))/gm, "\n"),
  );
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

const escapes: Record<string, string> = { n: "\n", r: "\r", t: "\t" };

/** The words of a text without its comments; in quotes, blanks belong to a word, and a backslash stands before what it means, as curl reads it. */
function wordsOf(text: string): string[] {
  const matches = text.matchAll(/#.*$|"((?:[^"\\\n]|\\.)*)"(?!\S)|\S+/gm);
  return [...matches].filter(([whole]) => !whole.startsWith("#")).map(([whole, quoted]) =>
    quoted?.replace(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter) ?? whole
  );
}
