/**
 * The store of a base image, carried to where a container finds it: beside `nix copy --all` in a container of that image, followed by the
 * copy of its profiles, which is what Flox does on every run. `base_image:fill`, `base_image:again` and `base_image:copies` are its parts.
 *
 * @module
 */
import { copies } from "./base_image/copies.ts";
import { fills } from "./base_image/fills.ts";
import { FillGround } from "./base_image/fill_ground.ts";
import { secondRun } from "./base_image/second_run.ts";

/** Prints the tables. */
export async function bench(parts: readonly string[] = []): Promise<void> {
  const wants = (part: string) => parts.length === 0 || parts.includes(part);
  if (wants("fill") || wants("again")) {
    await using ground = await FillGround.make();
    if (wants("fill")) await fills(ground);
    if (wants("again")) {
      const command = await ground.carried();
      await secondRun(command, ground.folder, ground.registry.url, ground.version);
    }
  }
  if (wants("copies")) await copies();
}
