import { type Digest, sha256 } from "../../lib/base/digest.ts";
import { digestHex } from "../../lib/base/digest_text.ts";
import { UnreachableError, UsageError } from "../../lib/base/errors.ts";
import { type Meter, silentMeter } from "../../lib/base/meter.ts";
import type { ContainerEngine } from "../../lib/container/container_engine.ts";
import { findImage, otherImage, pullImage } from "../../lib/container/engine_image.ts";
import { EngineStore } from "../../lib/container/engine_store.ts";
import { formatPlatform, isSamePlatform, machinePlatform } from "../../lib/oci/platform.ts";
import { parseReference, type RegistryReference } from "../../lib/oci/reference.ts";
import { isRepository } from "../../lib/oci/reference_grammar.ts";
import type { RegistryPlace } from "../../lib/oci/registry/registry_mirrors.ts";
import { removeLeftTransits } from "../../lib/oci/engine/transit_name.ts";
import { isUnreachedServer } from "../../lib/oci/engine/unreached_server.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import type { BaseImageResult } from "../base_image/base_image.ts";
import { syncImage, type SyncImageOptions } from "../image/image.ts";
import type { ImageRegistriesOptions } from "../shared/registry_rules.ts";
import { registryRules } from "../shared/registry_rules.ts";

/** What of a base image is needed to run it. */
export type RunnableBase = Pick<
  BaseImageResult,
  "reference" | "digest" | "manifestDigest" | "configDigest" | "platform" | "copy"
>;

/** What bringing an image into an engine cost. */
export interface EngineImage {
  /** The name by which the engine runs it. */
  id: string;
  /** Whether it was brought just now. */
  loaded: boolean;
  /** What kedge moved for it; what the engine fetched itself is not known. */
  figures: Pick<Figures, "bytesMoved" | "bytesReused" | "requests">;
}

/** What it costs where the engine has the image. */
export const nothingMoved: EngineImage["figures"] = { bytesMoved: 0, bytesReused: 0, requests: 0 };

/**
 * Brings a base image into an engine, unless it is there: into podman out of its copy in a layout where it has one, else from its registry; docker,
 * and a podman in a virtual machine or on another host, fetch it from the registry, or a mirror of it, themselves. The meter is told what was
 * passed over, and why.
 */
export async function ensureEngineImage(
  engine: ContainerEngine,
  base: RunnableBase,
  registries: ImageRegistriesOptions,
  context: TaskContext,
  meter: Meter = silentMeter,
): Promise<EngineImage> {
  const digests = [base.configDigest, base.manifestDigest];
  const reference = registryReference(base);
  const isNamed = takesFromHere(engine);
  const name = ownName(reference, base);
  const asked = {
    signal: context.signal,
    onWait: (message: string) => meter.note(message),
  };
  const standing = await findImage(engine, digests, asked);
  if (standing !== undefined) {
    const { id, names } = standing;
    const store = new EngineStore(engine, asked.onWait);
    // A run that was killed may have left it without one, and with the name by which it was fetched.
    const isTagged = names.some((each) => !each.includes("@"));
    if (isNamed && !isTagged) await store.tag(id, name, context.signal);
    // With its last name an image goes.
    if (isNamed || isTagged) await removeLeftTransits(store, [standing], context.signal);
    return { id, loaded: false, figures: nothingMoved };
  }
  const place = { host: reference.host, repository: reference.repository };
  if (!isNamed) return await fromRegistry();
  const copy = copyIntoPodman(engine, base, reference, registries);
  try {
    const { bytesMoved, bytesReused, requests } = await syncImage(copy, context);
    const held = await findImage(engine, digests, asked);
    if (held === undefined) throw otherImage(engine, copy.from, digests);
    return { id: held.id, loaded: true, figures: { bytesMoved, bytesReused, requests } };
  } catch (error) {
    // One on another host is told from one on this only by that it does not come.
    if (!isUnreachedServer(error) || context.offline) throw error;
    meter.note(`${engine.kind} does not reach this process, and fetches the image itself`);
    return await fromRegistry();
  }

  async function fromRegistry(): Promise<EngineImage> {
    refuseOffline(engine, base, reference, context);
    const id = await pullFromPlaces(engine, { ...base, digests }, place, {
      registries,
      meter,
      signal: context.signal,
    });
    return { id, loaded: true, figures: nothingMoved };
  }
}

/**
 * What it is to cost to bring a base image into an engine, as far as kedge moves it: what an engine fetches itself is not known. Asks the engine and,
 * where it does not have the image, as a dry run of the copy does.
 */
export async function foreseeEngineImage(
  engine: ContainerEngine,
  base: RunnableBase,
  registries: ImageRegistriesOptions,
  context: TaskContext,
  meter: Meter = silentMeter,
): Promise<{ figures: EngineImage["figures"]; isBound: boolean }> {
  const reference = registryReference(base);
  const onWait = (message: string) => meter.note(message);
  const digests = [base.configDigest, base.manifestDigest];
  const standing = await findImage(engine, digests, { signal: context.signal, onWait });
  if (standing !== undefined || !takesFromHere(engine)) {
    if (standing === undefined) refuseOffline(engine, base, reference, context);
    return { figures: nothingMoved, isBound: standing === undefined };
  }
  const copy = copyIntoPodman(engine, base, reference, registries);
  const { bytesMoved, bytesReused, requests } = await syncImage(copy, { ...context, dryRun: true });
  return { figures: { bytesMoved, bytesReused, requests }, isBound: true };
}

/** Refuses to have an engine fetch an image where no registry may be asked. */
function refuseOffline(
  { kind }: ContainerEngine,
  { manifestDigest }: RunnableBase,
  { host, repository }: RegistryReference,
  { offline }: TaskContext,
): void {
  if (!offline) return;
  throw new UnreachableError(
    `Cannot copy "${host}/${repository}@${manifestDigest}" into ${kind}: no registry may be asked`,
    { hint: "run once without --offline; a podman on this machine itself takes it from a layout" },
  );
}

function registryReference({ reference }: RunnableBase): RegistryReference {
  const parsed = parseReference(reference);
  if (parsed.transport === "docker") return parsed;
  throw new UsageError(`Cannot run "${reference}": it is in no registry`);
}

/** Whether an engine takes images out of this process: docker, and a podman elsewhere, fetch them themselves. */
function takesFromHere({ kind, isInMachine }: ContainerEngine): boolean {
  return kind === "podman" && !isInMachine;
}

function copyIntoPodman(
  { program, args }: ContainerEngine,
  base: RunnableBase,
  reference: RegistryReference,
  registries: ImageRegistriesOptions,
): SyncImageOptions {
  const { host, repository } = reference;
  return {
    from: base.copy?.startsWith("oci:")
      ? base.copy
      : `docker://${host}/${repository}@${base.digest}`,
    to: `podman:${ownName(reference, base)}`,
    platforms: [base.platform],
    ...registries,
    engines: { podman: { program, args } },
  };
}

/** Has the engine fetch an image from the first place that has it, the registry itself at last. */
async function pullFromPlaces(
  engine: ContainerEngine,
  image: Pick<RunnableBase, "manifestDigest" | "platform"> & { digests: readonly Digest[] },
  { host, repository }: Pick<RegistryReference, "host" | "repository">,
  { registries, meter, signal }: {
    registries: ImageRegistriesOptions;
    meter: Meter;
    signal: AbortSignal;
  },
): Promise<string> {
  const rules = await registryRules(registries, signal);
  const written: RegistryPlace = { host, repository, insecure: false, use: "all" };
  const places = (rules?.places({ host, repository, digest: image.manifestDigest }) ?? [written])
    .filter(({ use }) => use !== "tag-only");
  let failure: unknown;
  for (const [at, place] of places.entries()) {
    // Some of docker's stores know an image by the digest that was asked for.
    const name = `${place.host}/${place.repository}@${image.manifestDigest}`;
    const insecure = place.insecure || registries.insecureRegistries?.includes(place.host) === true;
    try {
      return await pullImage(engine, { ...image, name, insecure }, {
        signal,
        onWait: (message) => meter.note(message),
      });
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
      if (at === places.length - 1) break;
      meter.note(`${(error as Error).message}; going on with the next place`, "warning");
    }
  }
  throw failure;
}

/** A name of kedge's own in podman, which takes none away from what others brought, nor from what is of another registry or platform. */
function ownName(
  { host, repository, tag }: RegistryReference,
  { manifestDigest, platform }: RunnableBase,
): string {
  const [, address, port = ""] = /^(.*?)(?::(\d+))?$/.exec(host.toLowerCase())!;
  const place = address!.startsWith("[")
    ? `ip6.${address!.slice(1, -1).replaceAll(":", "x")}`
    : address!;
  const isForeign = !isSamePlatform(platform, formatPlatform(machinePlatform()));
  const whole = [
    "localhost",
    "kedge",
    ...(isForeign ? [platform.toLowerCase()] : []),
    port === "" ? place : `${place}_${port}`,
    repository,
  ].join("/");
  const name = isRepository(whole) ? whole : `localhost/kedge/${sha256(whole).slice(7, 39)}`;
  return `${name}:${tag ?? digestHex(manifestDigest).slice(0, 12)}`;
}
