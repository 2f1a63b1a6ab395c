import { assertEquals } from "@std/assert";
import { type Code, wasm, wasmModule } from "../../../lib/chunk/wasm.ts";

function run(body: readonly Code[], memory = new WebAssembly.Memory({ initial: 1 })) {
  const module = new WebAssembly.Module(wasmModule({ parameters: 1, locals: 1, body }));
  return new WebAssembly.Instance(module, { env: { memory } }).exports["run"] as (
    value: number,
  ) => number;
}

Deno.test("wasm.const() writes every 32-bit integer", () => {
  const edges = [0, 1, 6, 7, 13, 14, 20, 21, 27, 28, 30, 31].flatMap((bit) => {
    const power = 1 << bit;
    return [power - 1, power, power + 1, -power - 1, -power, 1 - power].map((value) => value | 0);
  });
  for (const value of edges) assertEquals(run([wasm.const(value)])(0), value);
});

Deno.test("wasm.loadByte() and wasm.loadWord() take offsets of any length", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const bytes = new Uint8Array(memory.buffer).map((_, at) => at * 7);
  new Uint8Array(memory.buffer).set(bytes);
  for (const offset of [0, 4, 124, 128, 16_380, 16_384, 65_000]) {
    assertEquals(run([wasm.get(0), wasm.loadByte(offset)], memory)(3), bytes[offset + 3]);
    const word = new DataView(bytes.buffer).getInt32(offset + 8, true);
    assertEquals(run([wasm.get(0), wasm.loadWord(offset)], memory)(8), word);
  }
});

Deno.test("wasm.loop() and wasm.block() branch as they are written", () => {
  const { get, set, add } = wasm;
  const sum = run([
    wasm.block(wasm.loop(
      [get(1), get(0), wasm.notLessUnsigned, wasm.branchIf(1)],
      [get(1), wasm.const(1), add, set(1)],
      wasm.branch(0),
    )),
    get(1),
  ]);
  assertEquals([sum(0), sum(1), sum(1000)], [0, 1, 1000]);
});
