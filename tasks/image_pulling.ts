/**
 * What a copy into a layout needs once something has to move, loaded as one.
 *
 * @module
 */
import "../lib/oci/layout_intake.ts";
import "../lib/oci/read_blob.ts";
import "./image_moving.ts";
