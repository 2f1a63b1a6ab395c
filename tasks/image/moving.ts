/**
 * What a copy of images needs once something has to move. It is loaded as one: each load of its own would take longer than reading what it
 * brings.
 *
 * @module
 */
export { commitCopies, moveCopies, verifyCopies } from "../../lib/oci/copy/copy_set.ts";
export { KnownBlobs, rememberLayouts } from "./known.ts";
