import type { SurveyedImage } from "../../lib/carry/bring_image.ts";
import { KedgeError, VerificationError } from "../../lib/base/errors.ts";
import { folderNames } from "../../lib/base/files.ts";
import { type CarriedImage, CarriedImages } from "../../lib/nix/folder/carried_images.ts";
import type { NixFolder } from "../../lib/nix/folder/nix_folder.ts";
import { StoreDatabase } from "../../lib/nix/folder/store_database.ts";
import { isSamePlatform } from "../../lib/oci/platform.ts";
import type { Plan } from "../../lib/operation/figures.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import type { CarryStoreOptions } from "./store.ts";
import type { NixPlace } from "./nix_place.ts";

/** What a carry would bring. */
export interface CarryPlan extends Plan {
  /** Where it goes; `undefined` where there is no volume yet. */
  folder: NixFolder | undefined;
  /** The note, where the store is there already. */
  note?: CarriedImage;
  /** The image, where it is not. */
  image?: SurveyedImage;
  /** How many paths would be brought. */
  pathsMissing: number;
  /** Whether paths become valid: those, and those that a killed run left. */
  registers: boolean;
}

/** What the notes in a folder say of the image that is to be carried there. */
export class CarryNotes {
  readonly #options: CarryStoreOptions;
  readonly #place: NixPlace;
  readonly #context: TaskContext;

  /** Touches no disk. */
  constructor(options: CarryStoreOptions, place: NixPlace, context: TaskContext) {
    this.#options = options;
    this.#place = place;
    this.#context = context;
  }

  /** The note of the image in a folder, if all of its paths are still valid, and there. */
  async find(folder: NixFolder | undefined): Promise<CarriedImage | undefined> {
    if (folder === undefined || this.#options.check === "full") return undefined;
    const note = await new CarriedImages(folder).find(this.#options.base.manifestDigest);
    if (note === undefined) return undefined;
    using database = await StoreDatabase.read(folder.databaseFolder);
    if (database?.countValid(note.paths) !== note.paths.length) return undefined;
    const there = new Set(await folderNames(folder.store));
    return note.paths.every((name) => there.has(name)) ? note : undefined;
  }

  /** Planned where the store is there already. */
  async plan(note: CarriedImage, folder: NixFolder): Promise<CarryPlan & { note: CarriedImage }> {
    const current = await new CarriedImages(folder).current();
    const follows = current === note.digest;
    return {
      folder,
      note: { ...note, usedMs: this.#context.cache.now() },
      pathsMissing: 0,
      registers: false,
      changed: !follows,
      bytesToMove: 0,
      bytesToReuse: 0,
      exact: true,
      requests: 0,
      why: `${this.#place.label} notes ${note.digest} with all ${note.paths.length} paths, ` +
        (follows ? "and profiles follow it" : `while profiles follow ${current ?? "none"}`),
      objects: [],
    };
  }

  /**
   * Refuses a folder with the store of another platform.
   *
   * @throws {KedgeError} if it has one
   * @throws {VerificationError} if the only notes there do not tell
   */
  async checkPlatform(folder: NixFolder): Promise<void> {
    const { platform, manifestDigest } = this.#options.base;
    const { images, unreadable } = await new CarriedImages(folder).all();
    const [silent] = unreadable.filter(({ digest }) => digest !== manifestDigest);
    if (images.length === 0 && silent !== undefined) {
      throw new VerificationError(`Cannot read "${silent.path}": ${silent.state}`, {
        side: "destination",
        hint:
          "it should say for which platform the store is; carry its image again, or remove that file",
      });
    }
    const other = images.find((each) => !isSamePlatform(each.platform, platform));
    if (other === undefined) return;
    throw new KedgeError(
      `Cannot carry a store for ${platform} into ${this.#place.label}: it holds one for ${other.platform}`,
      { side: "destination", hint: "name another volume for each platform" },
    );
  }
}
