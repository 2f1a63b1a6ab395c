import { IncompleteError, KedgeError, NoRoomError, VerificationError } from "../lib/base/errors.ts";
import { argumentBatches } from "../lib/nix/argument_batches.ts";
import { lastError, nixJson, runNix } from "../lib/nix/nix_command.ts";
import { parsePresentPathInfo, type PathInfo } from "../lib/nix/path_info.ts";
import type { SourcePath } from "../lib/nix/source_path.ts";
import type { Operation, Step } from "../lib/operation/operation.ts";
import {
  type CopyStanding,
  exported,
  type ExportPlan,
  exportPlan,
  narBytesOf,
  type Selection,
} from "./export_plan.ts";
import type { ExportStoreOptions } from "./base_image_store.ts";
import { goneHint } from "./gone_hint.ts";
import type { StoreEnd } from "./store_end.ts";

/** To ask what is there must fetch nothing from elsewhere. */
const offline = ["--option", "substitute", "false"];

/** The export to a store of this machine: Nix itself takes the paths, and hashes them. */
export function exportToNix(
  options: ExportStoreOptions,
  end: StoreEnd & { kind: "nix" },
  subject: string,
  select: (signal: AbortSignal) => Promise<Selection>,
): Operation<ExportPlan, void, CopyStanding> {
  const lacking = async ({ closure }: Selection, signal: AbortSignal): Promise<SourcePath[]> => {
    const nix = { ...options.nix, store: end.store, signal };
    const known = new Map<string, PathInfo>();
    for (const paths of argumentBatches(closure.map(({ storePath }) => storePath.path))) {
      const args = [...offline, "path-info", "--json", ...paths];
      const answer = parsePresentPathInfo(await nixJson(args, `ask "${end.shown}"`, nix));
      for (const info of answer) known.set(info.storePath.path, info);
    }
    return closure.filter((source) => {
      const info = known.get(source.storePath.path);
      if (info === undefined) return true;
      if (info.narHash === source.narHash) return false;
      throw new VerificationError(
        `Cannot export "${source.storePath.path}" to "${end.shown}": it holds another build of it`,
        { side: "destination", data: { ours: source.narHash, theirs: info.narHash } },
      );
    });
  };
  return {
    kind: "base-image:export",
    subject,
    async plan({ signal }) {
      const selection = await select(signal);
      return {
        ...selection,
        ...exportPlan(selection, await lacking(selection, signal), end.shown),
      };
    },
    async move({ folder, closure, missing }, { meter, signal }: Step) {
      meter.reused(narBytesOf(closure) - narBytesOf(missing));
      using object = meter.object(end.shown, narBytesOf(missing));
      const args = [
        ...[...offline, "copy", "--no-check-sigs", "--from", folder.uri, "--to", end.store],
        ...(options.closure === false ? ["--no-recursive"] : []),
      ];
      for (const paths of argumentBatches(missing.map(({ storePath }) => storePath.path))) {
        const { code, stderr } = await runNix([...args, ...paths], { ...options.nix, signal });
        if (code !== 0) throw copyFailed(end.shown, code, stderr);
      }
      object.moved(narBytesOf(missing));
    },
    async verify(plan, _moved, { signal }) {
      const [still] = await lacking(plan, signal);
      if (still === undefined) return;
      throw new IncompleteError(
        `Cannot export "${still.storePath.path}" to "${end.shown}": it is not there after nix copy`,
        { side: "destination" },
      );
    },
    commit: (plan) => Promise.resolve(exported(plan)),
    standing: exported,
  };
}

/** The error of a `nix copy` that failed, in Nix's words. */
function copyFailed(shown: string, code: number, stderr: string): KedgeError {
  const message = `Cannot export to "${shown}": nix copy ended with code ${code}${
    lastError(stderr)
  }`;
  const data = { stderr: stderr.slice(-4000) };
  if (/hash mismatch/.test(stderr)) {
    return new VerificationError(message, {
      side: "source",
      data,
      hint: "something changed that path; remove its files, and carry its image or import it again",
    });
  }
  if (/No space left on device|disk is full/i.test(stderr)) {
    return new NoRoomError(message, { side: "destination", data });
  }
  if (/No such file or directory/.test(stderr)) {
    return new KedgeError(message, { side: "source", data, hint: goneHint });
  }
  return new KedgeError(message, { side: "destination", data });
}
