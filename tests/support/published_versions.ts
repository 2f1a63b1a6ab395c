import { publish, type PublishOptions } from "../../tasks/publish/publish.ts";
import type { PlainGround } from "./plain_paths.ts";

/** Publishes versions 1 to n, each with a file of its own and one that all share. */
export async function publishVersions(
  ground: PlainGround,
  count: number,
  more: Partial<PublishOptions> = {},
) {
  const [shared, ...own] = ground.options.paths;
  const options = { ...ground.options, stores: [`file://${ground.dir}/store`], ...more };
  for (let i = 0; i < count; i++) {
    await publish({ ...options, version: String(i + 1), paths: [shared!, own[i]!] }, ground.ctx);
  }
  return options;
}

/** The names in a folder that end so, in order. */
export async function namesIn(dir: string, suffix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(dir)) if (name.endsWith(suffix)) names.push(name);
  return names.sort();
}
