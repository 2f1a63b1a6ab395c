import { UsageError } from "../../base/errors.ts";
import type { StoreUri } from "./store_uri.ts";

/**
 * The URL of a bucket, and of the folder in it.
 *
 * @throws {UsageError} if the URI names no bucket, or says what is no place
 */
export function bucketUrl(uri: StoreUri): string {
  const { hostname: bucket, pathname } = new URL(uri.target);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new UsageError(
      `Cannot use the store "${uri.shown}": ${JSON.stringify(bucket)} is not a bucket's name`,
    );
  }
  const { query } = uri;
  const style = query["addressing-style"] ?? (query["endpoint"] === undefined ? "virtual" : "path");
  if (style !== "path" && style !== "virtual") {
    throw new UsageError(
      `Cannot use the store "${uri.shown}": the addressing style ${
        JSON.stringify(style)
      } is not known`,
      {
        hint: "it is path or virtual",
      },
    );
  }
  const named = query["endpoint"] ?? `s3.${query["region"] ?? "us-east-1"}.amazonaws.com`;
  const text = /^https?:\/\//.test(named) ? named : `${query["scheme"] ?? "https"}://${named}`;
  if (!URL.canParse(text)) {
    throw new UsageError(
      `Cannot use the store "${uri.shown}": the endpoint ${JSON.stringify(named)} is not a host`,
    );
  }
  const { protocol, host } = new URL(text);
  const folder = pathname.replace(/\/+$/, "");
  return style === "path"
    ? `${protocol}//${host}/${bucket}${folder}`
    : `${protocol}//${bucket}.${host}${folder}`;
}
