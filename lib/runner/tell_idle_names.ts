import { listed } from "../base/listed.ts";
import { idleNames, offeredNames } from "../cache/refresh.ts";
import { displayUrls } from "../http/display_url.ts";
import type { RunEvent } from "./events.ts";
import { refreshOf, type Settings, updateOf } from "./settings.ts";

/** The most names that are offered in the place of one that covers nothing. */
const mostNames = 8;

/** Says which names of `--refresh` and `--update` cover nothing: a misspelt one would be taken for one that had nothing to do. */
export function tellIdleNames(settings: Settings, report: (event: RunEvent) => void): void {
  const flags = [["--refresh", refreshOf(settings)], ["--update", updateOf(settings)]] as const;
  for (const [flag, names] of flags) {
    const there = offeredNames(names).map((name) => `"${displayUrls(name)}"`);
    const some = there.length > mostNames ? [...there.slice(0, mostNames), "others"] : there;
    const verb = some.length === 1 ? "was" : "were";
    const others = some.length === 0 ? "" : `; there ${verb} ${listed(some)}`;
    for (const name of idleNames(names)) {
      const message = `${flag}=${name} names nothing that was used in this run${others}`;
      report({ type: "log", level: "warning", message });
    }
  }
}
