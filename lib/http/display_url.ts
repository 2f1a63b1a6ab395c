/** A URL as it may be shown: without user, password, query and fragment, where signatures hide. */
export function displayUrl(url: string | URL): string {
  try {
    const shown = new URL(url);
    shown.username = "";
    shown.password = "";
    shown.hash = "";
    const hadQuery = shown.search !== "";
    shown.search = "";
    return hadQuery ? `${shown.href}?…` : shown.href;
  } catch {
    return String(url).replace(/\/\/[^/@]*@/, "//").replace(/[?#].*$/s, "");
  }
}

/** A text in which every URL stands as it may be shown. */
export function displayUrls(text: string): string {
  return text.replace(
    /\b([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s\/@"']*@)?([^\s?#"',]*)(\?[^\s"',]*)?(#[^\s"',]*)?/gi,
    (_all, scheme: string, _user, rest: string, query) => `${scheme}${rest}${query ? "?…" : ""}`,
  );
}
