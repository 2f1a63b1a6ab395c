/** What a failed request came from: "dns error: ..." rather than "error sending request for url (...): client error (...): dns error: ...". */
export function requestWords(message: string): string {
  return message.replace(/^error sending request.*?: /, "").replace(/^client error .*?: /, "");
}
