import { assert, assertEquals } from "@std/assert";

/** The memory of a program into which it has mapped a file: what is written to it is written to the file. */
export interface MappedFile extends Disposable {
  /** The file's bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Whether a file can be mapped here. */
export const canMap: boolean = Deno.build.os === "linux";

const readWrite = 3;
const shared = 1;

/** Maps a file, shared with everybody who has it open. */
export function mapFile(path: string, sizeBytes: number): MappedFile {
  const libc = Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
    mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
    munmap: { parameters: ["pointer", "usize"], result: "i32" },
  });
  const { symbols } = libc;
  const file = symbols.open(new TextEncoder().encode(`${path}\0`), 2);
  assert(file >= 0, `cannot open ${path}`);
  const size = BigInt(sizeBytes);
  const start = symbols.mmap(null, size, readWrite, shared, file, 0n);
  assertEquals(symbols.close(file), 0);
  assert(start !== null && Deno.UnsafePointer.value(start) !== 2n ** 64n - 1n, "cannot map");
  return {
    bytes: new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(start, sizeBytes)),
    [Symbol.dispose]() {
      symbols.munmap(start, size);
      libc.close();
    },
  };
}
