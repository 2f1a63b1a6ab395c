/** Where a reporter writes. */
export interface Output {
  /** A line of data: standard output. */
  data(line: string): void;
  /** A line for the reader: standard error. */
  line(line: string): void;
  /** All that was written is out. */
  flush(): Promise<void>;
}

/** The output of this process. */
export function processOutput(): Output {
  const encoder = new TextEncoder();
  const write = (file: { writeSync(bytes: Uint8Array): number }, text: string) => {
    let bytes = encoder.encode(`${text}\n`);
    while (bytes.length > 0) bytes = bytes.subarray(file.writeSync(bytes));
  };
  return {
    data: (text) => write(Deno.stdout, text),
    line: (text) => write(Deno.stderr, text),
    flush: () => Promise.resolve(),
  };
}
