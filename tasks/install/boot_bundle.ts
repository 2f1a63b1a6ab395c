import { KedgeError, UnreachableError } from "../../lib/base/errors.ts";
import { LineSplitter } from "../../lib/base/line_splitter.ts";
import type { TarballCompression } from "../../lib/kexec/tarball_compression.ts";
import { remoteFailure } from "../../lib/ssh/remote_failure.ts";
import { shellLine, shellQuote } from "../../lib/ssh/shell_quote.ts";
import type { SshSession } from "../../lib/ssh/ssh_session.ts";

/** Options of {@linkcode bootBundle}. */
export interface BootBundleOptions {
  /** The tarball, there. */
  path: string;
  /** How it is packed. */
  compression: TarballCompression;
  /** What comes before a command that root must run. */
  asRoot: readonly string[];
  /** Further flags of `kexec`, as one text. */
  kexecExtraFlags: string;
  /** Takes each line that `kexec/run` prints. */
  onLine: (line: string) => void;
}

/** By this line `kexec/run` says that it has done its part; nixos-anywhere goes by it too. */
const successLine = "machine will boot into nixos";
const incompleteCode = 66;
/** What lies there by this name is removed, in a folder that may be anybody's: so nobody else's things are called so. */
const workName = "kedge-run";

const tarFlags: Readonly<Record<TarballCompression, string>> = {
  gzip: "-xzf",
  xz: "-xJf",
  zstd: "--zstd -xf",
  none: "-xf",
};

/** The programs that booting a bundle takes on the host. */
export function programsToBoot(compression: TarballCompression): string[] {
  const packer = { gzip: ["gzip"], xz: ["xz"], zstd: ["zstd"], none: [] }[compression];
  return [...new Set(["tar", "setsid", "cpio", "gzip", "nohup", ...packer])];
}

/**
 * Unpacks a bundle on a host, afresh since `kexec/run` changes its ramdisk, and runs `kexec/run` the way nixos-anywhere does: in a session
 * of its own, with TMPDIR beside it. Returns once the host has announced that it will boot.
 *
 * @throws {KedgeError} if the bundle is not unpacked, or `kexec/run` did not announce the boot
 */
export async function bootBundle(session: SshSession, options: BootBundleOptions): Promise<void> {
  const { path, compression, asRoot, kexecExtraFlags, onLine } = options;
  const root = asRoot.length === 0 ? "" : `${shellLine(asRoot)} `;
  const script = `set -eu
    bundle=${shellQuote(path)}
    cd "$(dirname -- "$bundle")"
    work="$PWD/${workName}"
    ${root}rm -rf -- "$work"
    mkdir -- "$work"
    cd "$work"
    tar ${tarFlags[compression]} "$bundle"
    [ -x kexec/run ] && [ -x kexec/kexec ] || exit ${incompleteCode}
    if setsid --wait true 2>/dev/null; then wait=--wait; else wait=; fi
    ${root}env TMPDIR="$work" setsid $wait "$work/kexec/run" \\
      --kexec-extra-flags ${shellQuote(kexecExtraFlags)} </dev/null 2>&1
  `;
  const { target } = session.target;
  let announced = false;
  const said: string[] = [];
  const lines = new LineSplitter((line) => {
    if (line.includes(successLine)) announced = true;
    said.push(line);
    if (said.length > 20) said.shift();
    onLine(line);
  });
  let result: { code: number; stderr: string };
  try {
    result = await session.run(script, { onStdout: (bytes) => lines.push(bytes) });
  } catch (error) {
    lines.end();
    if (error instanceof UnreachableError && announced) return;
    throw error;
  }
  lines.end();
  if (announced) return;
  if (result.code === incompleteCode) {
    throw new KedgeError(`Cannot boot "${target}": the bundle there lacks kexec/run`, {
      side: "destination",
    });
  }
  if (said.length === 0) throw remoteFailure("boot the bundle on", target, result.stderr);
  throw new KedgeError(
    `Cannot boot "${target}": kexec/run ended with code ${result.code}: ${said.at(-1)}`,
    { side: "destination", data: { output: said } },
  );
}
