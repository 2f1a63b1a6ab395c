import { assertEquals } from "@std/assert";
import { statusError } from "../../../lib/http/status_error.ts";

const nginx = "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n" +
  "<center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body></html>";

for (
  const [what, body, words] of [
    ["text", "no such tag\n", " (no such tag)"],
    ["JSON", '{"message": "Not Found"}', ' ({"message": "Not Found"})'],
    ["nothing", "", ""],
    ["a web page by its title", nginx, " (404 Not Found)"],
    [
      "a web page whose title is cut",
      `<!DOCTYPE html><title>${"x".repeat(600)}`,
      ` (${"x".repeat(160)})`,
    ],
    ["a web page without a title", "<html><body><p>gone  away</p>", " (gone away)"],
    ["a web page without words", "<html></html>", ""],
    ["another document that begins so", "<htmlx>", " (<htmlx>)"],
  ] as const
) {
  Deno.test(`statusError() quotes ${what}`, async () => {
    const refused = { what: "fetch it", url: "https://a/b", method: undefined, side: undefined };
    const error = await statusError(new Response(body, { status: 404 }), refused);
    assertEquals(error.message, `Cannot fetch it: the server answered 404${words}`);
    assertEquals(error.data, { status: 404, url: "https://a/b" });
  });
}
