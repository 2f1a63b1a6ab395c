/** The media type that an answer says it has, without parameters. */
export function contentType(response: Response): string | undefined {
  return response.headers.get("content-type")?.split(";")[0]?.trim();
}
