import { formatBytes } from "../../lib/base/bytes.ts";
import { checkOptions } from "../../lib/base/check_options.ts";
import { KedgeError, UsageError, VerificationError } from "../../lib/base/errors.ts";
import { ifThere } from "../../lib/base/files.ts";
import type { Cache } from "../../lib/cache/cache.ts";
import { checkRows } from "../../lib/chunk/check_rows.ts";
import { JobPool } from "../../lib/chunk/job_pool.ts";
import { mostWorkers } from "../../lib/chunk/most_workers.ts";
import { loadDisk, resolveDisk } from "../../lib/disk/disk_image.ts";
import type { DiskSource } from "../../lib/disk/disk_store.ts";
import { fileState, sameState } from "../../lib/disk/known_files.ts";
import { openDiskSource } from "../../lib/disk/open_disk_store.ts";
import type { PulledDisk } from "../../lib/disk/pull_work.ts";
import { isTart, readTart } from "../../lib/disk/tart_disk.ts";
import { regionDigest } from "../../lib/disk/tart_region.ts";
import { tellReading } from "../../lib/disk/tell_reading.ts";
import type { Manifest } from "../../lib/oci/manifest.ts";
import { formatReference, parseReference } from "../../lib/oci/reference.ts";
import type { Plan, PlannedObject } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { inWords } from "../shared/in_words.ts";
import { registriesShapes, registryRules } from "../shared/registry_rules.ts";
import { checkOnline } from "./options.ts";
import type { VerifyDiskOptions, VerifyDiskResult } from "./disk.ts";
import { runPullDisk } from "./pull_operation.ts";

interface VerifyPlan extends Plan {
  readonly result: PulledDisk;
}

/** A stretch of a file that is not what it should be. */
interface Wrong {
  readonly offset: number;
  readonly length: number;
}

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
  const info = await ifThere(Deno.stat(options.file));
  if (info?.isFile !== true) {
    throw new UsageError(
      `Cannot verify "${options.file}": ${
        info === undefined ? "it is not there" : "it is not a regular file"
      }`,
    );
  }
  if (options.repair === true) return await runPullDisk({ ...options, inPlace: true }, ctx);

  const context = resolveContext(ctx);
  const reference = parseReference(options.reference);
  checkOnline(context, reference);
  const rules = await registryRules(options, context.signal);
  const { cache, signal } = context;
  using pool = new JobPool({ signal, sizeBytes: info.size });
  let opened: DiskSource | undefined;
  const operation: Operation<VerifyPlan, void, PulledDisk> = {
    kind: "disk",
    subject: `${options.file} = ${options.reference}`,
    async plan(step: Step) {
      const store = opened = await openDiskSource(reference, {
        meter: step.meter,
        signal,
        redactor: context.redactor,
        insecureRegistries: options.insecureRegistries,
        rules,
      });
      const resolved = resolveDisk(store);
      pool.start(); // The registry answers meanwhile.
      const manifest = await resolved;
      const { digest } = manifest;
      const compare = isTart(manifest) ? compareTart : compareDisk;
      const { sizeBytes, wrong, fetchedBytes, objects } = await compare(manifest, {
        path: options.file,
        fileBytes: info.size,
        store,
        cache,
        pool,
        step,
      });
      if (!sameState(fileState(await Deno.stat(options.file)), fileState(info))) {
        throw new KedgeError(`Cannot verify "${options.file}": it changed while it was read`, {
          side: "destination",
          hint: "stop what writes to it, or verify a snapshot of it",
        });
      }
      refuseWrong(options, { wrong, sizeBytes, info, digest });
      return {
        changed: false,
        bytesToMove: fetchedBytes,
        bytesToReuse: sizeBytes,
        exact: true,
        requests: 0,
        why: `"${options.file}" is ${digest}, all its ${
          formatBytes(sizeBytes)
        } read and hashed now`,
        objects: [{ label: options.file, sizeBytes, state: "present" }, ...objects],
        result: {
          file: options.file,
          reference: formatReference({ ...reference, digest }),
          digest,
          sizeBytes,
        },
      };
    },
    move: () => Promise.resolve(),
    verify: () => Promise.resolve(),
    commit: (plan) => Promise.resolve(plan.result),
    standing: (plan) => plan.result,
  };
  try {
    return await runOperation(operation, context);
  } finally {
    opened?.[Symbol.dispose]();
  }
}

interface Comparing {
  readonly path: string;
  readonly fileBytes: number;
  readonly store: DiskSource;
  readonly cache: Cache;
  readonly pool: JobPool;
  readonly step: Step;
}

/** What a file should be and is not, and what was fetched to know it. */
interface Compared {
  readonly sizeBytes: number;
  readonly wrong: Wrong[];
  readonly fetchedBytes: number;
  readonly objects: readonly PlannedObject[];
}

async function compareDisk(manifest: Manifest, of: Comparing): Promise<Compared> {
  const { path, fileBytes, store, cache, pool, step: { meter, signal } } = of;
  const { index, indexBlob, fetchedBytes } = await loadDisk(store, manifest, {
    cache,
    meter,
    signal,
  });
  pool.narrow(mostWorkers(index.chunker));
  const rows = await checkRows(path, index, {
    pool,
    signal,
    sizeBytes: fileBytes,
    onCheck: tellReading(meter, path, fileBytes),
  });
  const wrong = [...rows.keys()].filter((row) => rows[row] === 0).map((row) => ({
    offset: index.rowOffsets[row]!,
    length: index.rowOffsets[row + 1]! - index.rowOffsets[row]!,
  }));
  const state = fetchedBytes > 0 ? "missing" : "present";
  const label = `the index ${indexBlob.digest}`;
  const objects = [{ label, sizeBytes: indexBlob.size, state } as const];
  return { sizeBytes: index.size, wrong, fetchedBytes, objects };
}

async function compareTart(manifest: Manifest, of: Comparing): Promise<Compared> {
  const { path, fileBytes, store, step: { meter, signal } } = of;
  const { size, layers } = readTart(manifest, store.name);
  const reading = { signal, onRead: tellReading(meter, path, fileBytes) };
  const wrong: Wrong[] = [];
  for (const layer of layers) {
    if (await regionDigest(path, layer, reading) === layer.digest) continue;
    wrong.push({ offset: layer.offset, length: layer.size });
  }
  return { sizeBytes: size, wrong, fetchedBytes: 0, objects: [] };
}

function refuseWrong(
  options: VerifyDiskOptions,
  of: { wrong: Wrong[]; sizeBytes: number; info: Deno.FileInfo; digest: string },
): void {
  const { wrong, sizeBytes, info, digest } = of;
  if (wrong.length === 0 && info.size === sizeBytes) return;
  const bytes = wrong.reduce((sum, { length }) => sum + length, 0);
  const state = info.size !== sizeBytes
    ? `it has ${info.size} bytes instead of ${sizeBytes}`
    : wrong.length === 1
    ? `one of its parts (${bytes} bytes) is wrong, at byte ${wrong[0]!.offset}`
    : `${wrong.length} of its parts (${bytes} bytes) are wrong, the first at byte ${
      wrong[0]!.offset
    }`;
  throw new VerificationError(`Cannot take "${options.file}" for ${digest}: ${state}`, {
    side: "destination",
    hint: "disk:verify --repair fetches what is wrong",
    data: { wrong: wrong.slice(0, 1000), wrongBytes: bytes, sizeBytes: info.size },
  });
}
