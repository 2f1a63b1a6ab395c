import { assertEquals, assertRejects } from "@std/assert";
import { exitCodeOf, KedgeError } from "../../../lib/base/errors.ts";
import { Piece } from "../../../lib/http/piece.ts";

for (
  const [code, state, exitCode] of [
    ["EFBIG", "File too large", 1],
    ["EDQUOT", "Disk quota exceeded", 8],
    ["ENOSPC", "No space left on device", 8],
  ] as const
) {
  Deno.test(`Piece.read() blames the disk, and not the server, for ${code}`, async () => {
    const file = {
      seek: () => Promise.resolve(0),
      writeSync: () => {
        throw Object.assign(new Error(state), { code });
      },
    } as unknown as Deno.FsFile;
    const body = new ReadableStream({
      type: "bytes",
      start(controller) {
        controller.enqueue(new TextEncoder().encode("abcd"));
        controller.close();
      },
    });
    const sink = { file, folder: "/partials/1" };
    const error = await assertRejects(
      () => new Piece(0, 4).read(new Response(body), sink, () => {}),
      KedgeError,
      `Cannot write to "/partials/1": ${state}`,
    );
    assertEquals([exitCodeOf(error), error.side], [exitCode, "destination"]);
  });
}
