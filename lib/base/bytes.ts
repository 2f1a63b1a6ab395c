import { UsageError } from "./errors.ts";

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes for people: `0 B`, `1.5 KiB`, `350 MiB`; an infinite number stands for one that is not known. */
export function formatBytes(bytes: number): string {
  if (bytes === Infinity) return "an unknown number of bytes";
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, "")} ${units[unit]}`;
}

/**
 * The bytes that a text such as `512`, `64KiB`, `1.5 GiB` or `2G` names; units count by 1024.
 *
 * @throws {UsageError} if it names none, or one too large to be counted
 */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgtp])(?:i?b)?|b)?\s*$/i.exec(text);
  if (match === null) {
    throw new UsageError(
      `Cannot read the size ${JSON.stringify(text)}: it is not a number of bytes`,
      {
        hint: "write a size as 512, 64KiB, 10MiB or 2GiB",
      },
    );
  }
  const power = match[2] === undefined ? 0 : "kmgtp".indexOf(match[2].toLowerCase()) + 1;
  const bytes = Math.round(Number(match[1]) * 1024 ** power);
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError(`Cannot read the size ${JSON.stringify(text)}: it is too large`, {
      hint: `the most is ${Number.MAX_SAFE_INTEGER} bytes`,
    });
  }
  return bytes;
}
