import { formatBytes } from "../base/bytes.ts";
import type { BundleDifference } from "./diff_bundles.ts";

/** How two bundles differ, in lines for people: the parts that changed, and by how many bytes. */
export function describeDifference(difference: BundleDifference): string[] {
  const { parts, bytesChanged, bytesSame, kernel } = difference;
  const changed = parts.filter(({ state }) => state !== "same");
  const lines = changed.map(({ path, state, sizeBefore, sizeAfter }) =>
    `${path} ${state}: ${formatBytes(sizeBefore)} before, ${formatBytes(sizeAfter)} now`
  );
  const versions = kernel === undefined ? "" : `, kernel ${kernel.before} is now ${kernel.after}`;
  return [
    ...lines,
    `${formatBytes(bytesChanged)} in ${changed.length} of ${parts.length} files differ, ${
      formatBytes(bytesSame)
    } are the same${versions}`,
  ];
}
