import { UnreachableError } from "../../lib/base/errors.ts";
import type { Meter } from "../../lib/base/meter.ts";
import { formatDestination, parseDestination } from "../../lib/oci/engine_reference.ts";
import { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { syncImage } from "../image/image.ts";
import { openEngine } from "../image/routes.ts";
import { noteMeter } from "../shared/note_meter.ts";
import type { BaseImageResult } from "./base_image.ts";
import type { BaseImageOptions } from "./options.ts";

/** A copy of a base image, and what it cost. */
export type BaseImageCopy = Figures & Pick<BaseImageResult, "copy" | "copyAhead">;

/**
 * Brings a base image where it is wanted. An engine that has it already is asked alone, since nobody could tell more of its digest; where no
 * registry may be asked, that is enough of a layout too.
 *
 * @param from the image in its registry, pinned
 * @throws {UnreachableError} if no registry may be asked, and the image is not there
 * @throws {UsageError} if no registry may be asked, and it is to be brought to one
 */
export async function copyBaseImage(
  { from, to, base }: { from: string; to: string; base: BaseImageResult },
  { insecureRegistries, mirrors, registriesConf, engines }: BaseImageOptions,
  context: TaskContext,
): Promise<BaseImageCopy> {
  const { transport } = parseDestination(to);
  // What a layout has of it may be in want of repair.
  if (transport !== "docker" && (context.offline || transport !== "oci")) {
    const meter = noteMeter(context, "base-image", `${from} -> ${to}`);
    const found = await standingCopy(to, base, { engines, meter }, context);
    if (found.copy !== undefined) return found.copy;
    if (context.offline) throw found.error;
  }
  const { reference, ...figures } = await syncImage(
    {
      ...{ from, to, platforms: [base.platform], engines },
      ...{ insecureRegistries, mirrors, registriesConf },
    },
    context,
  );
  // What a dry run would bring is not there to be read.
  const isThere = !context.dryRun || !figures.changed;
  return { ...figures, ...(isThere ? { copy: reference } : { copyAhead: reference }) };
}

/** The copy that a name on this machine points to, or why there is none. */
async function standingCopy(
  to: string,
  { reference, manifestDigest, configDigest, size }: BaseImageResult,
  { engines, meter }: Pick<BaseImageOptions, "engines"> & { meter: Pick<Meter, "note"> },
  { signal, dryRun }: TaskContext,
): Promise<{ copy: BaseImageCopy } | { copy?: undefined; error: UnreachableError }> {
  const destination = parseDestination(to);
  using hosts = new ImageHosts({ signal, engine: (kind) => openEngine(kind, { engines }, meter) });
  using place = await hosts.destination(destination);
  const pointer = await place.pointer();
  // An engine may know an image by its config.
  const known = destination.transport === "oci" ? [manifestDigest] : [configDigest, manifestDigest];
  if (pointer === undefined || !known.includes(pointer)) {
    const state = pointer === undefined ? "nothing has that name" : `it is ${pointer}`;
    const error = new UnreachableError(
      `Cannot copy "${reference}" to "${place.name}": ${state}, and no registry may be asked`,
      { side: "destination", hint: "run once without --offline" },
    );
    return { error };
  }
  if (!dryRun) await place.removeLeft?.();
  const { digest: _named, ...bare } = destination;
  const copy = {
    copy: `${formatDestination(bare)}@${manifestDigest}`,
    changed: false,
    bytesMoved: 0,
    bytesReused: size,
    requests: 0,
    why: `${place.name} points to it already`,
    dryRun,
  };
  return { copy };
}
