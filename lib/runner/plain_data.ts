import { errorData } from "../operation/error_data.ts";

/**
 * A value as JSON can hold it, whatever it was: what has `toJSON` is asked, errors become data, bytes tell their number, a
 * value that holds itself says so, and a map becomes an object, or pairs where an object could not tell its keys apart.
 */
export function plainData(value: unknown): unknown {
  return walk(value, []);
}

function walk(value: unknown, above: readonly object[]): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value === "number" && !Number.isFinite(value)) return null;
  if (typeof value !== "object" || value === null) return value;
  if (above.includes(value)) return "[circular]";
  if (above.length > 64) return "[too deep]";
  const here = [...above, value];
  if (value instanceof Error) return errorData(value);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return walk(toJSON.call(value, ""), here);
  if (Array.isArray(value)) return value.map((item) => walk(item, here) ?? null);
  if (value instanceof Set) return walk([...value], here);
  if (value instanceof Map) {
    return walk(isRecord(value) ? Object.fromEntries(value) : [...value], here);
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, walk(item, here)])
      .filter(([, item]) => item !== undefined),
  );
}

/** Whether an object can hold what a map does. */
function isRecord(map: ReadonlyMap<unknown, unknown>): boolean {
  const keys = [...map.keys()];
  const isNamed = (key: unknown) =>
    key === null || !["object", "function", "symbol"].includes(typeof key);
  return keys.every(isNamed) && new Set(keys.map(String)).size === map.size;
}
