/**
 * What Deno loads before the first line of a module runs.
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";

const root = fromFileUrl(new URL("..", import.meta.url));

interface Info {
  roots: string[];
  redirects?: Record<string, string>;
  modules: { specifier: string; dependencies?: Dependency[] }[];
}

interface Dependency {
  isDynamic?: boolean;
  code?: { specifier?: string };
}

/** A module and what it names, by their paths in this house; what is none of its files keeps its specifier. */
export type Loaded = ReadonlyMap<string, readonly string[]>;

/** The module of a path in this house, then all that are loaded with it, nearest first. */
export async function loadedBy(path: string): Promise<Loaded> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--config", join(root, "deno.json"), join(root, path)],
  }).output();
  const { roots, redirects = {}, modules }: Info = JSON.parse(new TextDecoder().decode(stdout));
  const byName = new Map(modules.map((module) => [module.specifier, module]));
  const named = (specifier: string) =>
    (byName.get(specifier)?.dependencies ?? []).flatMap(({ isDynamic, code }) =>
      isDynamic || code?.specifier === undefined
        ? []
        : [redirects[code.specifier] ?? code.specifier]
    );
  const queue = [...roots];
  const loaded = new Map<string, readonly string[]>();
  for (let specifier = queue.shift(); specifier !== undefined; specifier = queue.shift()) {
    if (loaded.has(pathOf(specifier))) continue;
    loaded.set(pathOf(specifier), named(specifier).map(pathOf));
    queue.push(...named(specifier));
  }
  return loaded;
}

function pathOf(specifier: string): string {
  return specifier.startsWith("file:") ? fromFileUrl(specifier).slice(root.length) : specifier;
}
