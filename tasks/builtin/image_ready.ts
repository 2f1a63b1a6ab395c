/**
 * `image:sync` with what it needs to find that an image is unchanged, whatever the places are.
 *
 * @module
 */
export { imageSyncTask } from "./image.ts";
import "./run_ready.ts";
import "../image/list_sync.ts";
// All that is loaded with these, named by `deno run -A scripts/ready.ts`.
