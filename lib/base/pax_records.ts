const decoder = new TextDecoder();

/** The records of a pax extended header, `length key=value\n` each; `undefined` if they are malformed. */
export function paxRecords(bytes: Uint8Array): Record<string, string> | undefined {
  const records: Record<string, string> = {};
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    if (space < 0 || space - at > 10) return undefined;
    const digits = decoder.decode(bytes.subarray(at, space));
    const end = at + Number(digits);
    if (!/^[1-9][0-9]*$/.test(digits) || end > bytes.length || bytes[end - 1] !== 0x0a) {
      return undefined;
    }
    const equals = bytes.indexOf(0x3d, space);
    if (equals < 0 || equals >= end) return undefined;
    const key = decoder.decode(bytes.subarray(space + 1, equals));
    records[key] = decoder.decode(bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}
