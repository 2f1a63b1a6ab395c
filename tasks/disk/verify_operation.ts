import { formatBytes } from "../../lib/base/bytes.ts";
import { checkOptions } from "../../lib/base/check_options.ts";
import { KedgeError, UsageError, VerificationError } from "../../lib/base/errors.ts";
import { ifThere } from "../../lib/base/files.ts";
import { JobPool } from "../../lib/chunk/job_pool.ts";
import { resolveDisk } from "../../lib/disk/disk_image.ts";
import type { DiskSource } from "../../lib/disk/disk_store.ts";
import { fileState, sameState } from "../../lib/disk/known_files.ts";
import { openDiskSource } from "../../lib/disk/open_disk_store.ts";
import type { PulledDisk } from "../../lib/disk/pull_work.ts";
import { formatReference, type ImageReference, parseReference } from "../../lib/oci/reference.ts";
import type { RegistryMirrors } from "../../lib/oci/registry/registry_mirrors.ts";
import type { Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { inWords } from "../shared/in_words.ts";
import { registriesShapes, registryRules } from "../shared/registry_rules.ts";
import { compareFile, type WrongParts } from "./compare_file.ts";
import { checkOnline } from "./options.ts";
import type { VerifyDiskOptions, VerifyDiskResult } from "./disk.ts";
import { runPullDisk } from "./pull_operation.ts";

/** Does the work of `verifyDisk`. */
export async function runVerifyDisk(
  options: VerifyDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<VerifyDiskResult> {
  checkOptions(options, { reference: "text", file: "text" }, {
    repair: "switch",
    ...registriesShapes,
  });
  const action = `verify "${options.file}"`;
  return await inWords(action, () => verify(options, ctx));
}

async function verify(
  options: VerifyDiskOptions,
  ctx: TaskContextOptions,
): Promise<VerifyDiskResult> {
  const info = await lookAtFile(options.file);
  if (options.repair === true) return await runPullDisk({ ...options, inPlace: true }, ctx);

  const context = resolveContext(ctx);
  const reference = parseReference(options.reference);
  checkOnline(context, reference);
  const rules = await registryRules(options, context.signal);
  using pool = new JobPool({ signal: context.signal, sizeBytes: info.size });
  using operation = new DiskVerify({ asked: options, reference, rules, info, pool, context });
  return await runOperation(operation, context);
}

async function lookAtFile(path: string): Promise<Deno.FileInfo> {
  const info = await ifThere(Deno.stat(path));
  if (info?.isFile === true) return info;
  const state = info === undefined ? "it is not there" : "it is not a regular file";
  throw new UsageError(`Cannot verify "${path}": ${state}`);
}

interface VerifyPlan extends Plan {
  readonly result: PulledDisk;
}

interface DiskVerifyOptions {
  /** What was asked for, checked. */
  readonly asked: VerifyDiskOptions;
  /** What the file should be. */
  readonly reference: ImageReference;
  readonly rules: RegistryMirrors | undefined;
  /** The file, as it was at first. */
  readonly info: Deno.FileInfo;
  readonly pool: JobPool;
  readonly context: TaskContext;
}

/** The steps of a verification, of which the first does it all. */
class DiskVerify implements Operation<VerifyPlan, void, PulledDisk>, Disposable {
  readonly kind = "disk";
  readonly subject: string;
  readonly #of: DiskVerifyOptions;
  #store: DiskSource | undefined;

  /** Opens nothing yet. */
  constructor(of: DiskVerifyOptions) {
    this.#of = of;
    this.subject = `${of.asked.file} = ${of.asked.reference}`;
  }

  async plan(step: Step): Promise<VerifyPlan> {
    const { asked: { file }, reference, info, pool, context: { cache } } = this.#of;
    const store = this.#store = await this.#open(step);
    const resolved = resolveDisk(store);
    pool.start(); // The registry answers meanwhile.
    const manifest = await resolved;
    const compared = await compareFile(manifest, {
      path: file,
      fileBytes: info.size,
      store,
      cache,
      pool,
      step,
    });
    await refuseChanged(file, info);
    const { digest } = manifest;
    const { sizeBytes, wrong, fetchedBytes, objects } = compared;
    refuseWrong(file, { wrong, sizeBytes, info, digest });
    return {
      changed: false,
      bytesToMove: fetchedBytes,
      bytesToReuse: sizeBytes,
      exact: true,
      requests: 0,
      why: `"${file}" is ${digest}, all its ${formatBytes(sizeBytes)} read and hashed now`,
      objects: [{ label: file, sizeBytes, state: "present" }, ...objects],
      result: { file, reference: formatReference({ ...reference, digest }), digest, sizeBytes },
    };
  }

  move(): Promise<void> {
    return Promise.resolve();
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  commit({ result }: VerifyPlan): Promise<PulledDisk> {
    return Promise.resolve(result);
  }

  standing({ result }: VerifyPlan): PulledDisk {
    return result;
  }

  /** Closes what the plan opened. */
  [Symbol.dispose](): void {
    this.#store?.[Symbol.dispose]();
  }

  async #open({ meter }: Step): Promise<DiskSource> {
    const { asked, reference, rules, context: { redactor, signal } } = this.#of;
    const { insecureRegistries } = asked;
    return await openDiskSource(reference, { meter, signal, redactor, insecureRegistries, rules });
  }
}

async function refuseChanged(path: string, before: Deno.FileInfo): Promise<void> {
  if (sameState(fileState(await Deno.stat(path)), fileState(before))) return;
  throw new KedgeError(`Cannot verify "${path}": it changed while it was read`, {
    side: "destination",
    hint: "stop what writes to it, or verify a snapshot of it",
  });
}

function refuseWrong(
  path: string,
  of: { wrong: WrongParts; sizeBytes: number; info: Deno.FileInfo; digest: string },
): void {
  const { wrong, sizeBytes, info, digest } = of;
  const { count, bytes, first } = wrong;
  if (count === 0 && info.size === sizeBytes) return;
  const state = info.size !== sizeBytes
    ? `it has ${info.size} bytes instead of ${sizeBytes}`
    : count === 1
    ? `one of its parts (${bytes} bytes) is wrong, at byte ${first[0]!.offset}`
    : `${count} of its parts (${bytes} bytes) are wrong, the first at byte ${first[0]!.offset}`;
  throw new VerificationError(`Cannot take "${path}" for ${digest}: ${state}`, {
    side: "destination",
    hint: "disk:verify --repair fetches what is wrong",
    data: { wrong: first, wrongBytes: bytes, sizeBytes: info.size },
  });
}
