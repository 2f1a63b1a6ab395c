import { canonicalPath } from "../../base/canonical_path.ts";
import { plainPath } from "../../base/plain_path.ts";
import { type DestinationReference, formatDestination } from "../engine_reference.ts";

/** Names places, and looks once where the folder of a layout really is, however many images of it are asked for. */
export class PlaceNames {
  readonly #folders = new Map<string, string>();

  /** A name for the layout, the repository or, in an engine, the image that a reference names, by which two that are the same are equal. */
  of(reference: DestinationReference): string {
    switch (reference.transport) {
      case "oci":
        return `oci:${this.#folder(reference.folder)}`;
      case "docker":
        return `${reference.host}/${reference.repository}`;
      default:
        return formatDestination({ ...reference, tag: reference.tag ?? "latest" });
    }
  }

  #folder(folder: string): string {
    const place = this.#folders.get(folder) ?? canonicalPath(plainPath(folder));
    this.#folders.set(folder, place);
    return place;
  }
}
