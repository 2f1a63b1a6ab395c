/** The typed doorway to `@std/encoding`. @module */
import * as hex from "deno-std/encoding/hex.js";
import * as base64 from "deno-std/encoding/base64.js";

/** Lower-case hexadecimal of bytes. */
export const encodeHex: (bytes: Uint8Array | string) => string = hex.encodeHex;
/** The bytes of a hexadecimal string. */
export const decodeHex: (text: string) => Uint8Array<ArrayBuffer> = hex.decodeHex;
/** Base64 of bytes, with padding. */
export const encodeBase64: (bytes: Uint8Array | string) => string = base64.encodeBase64;
/** The bytes of a base64 string. */
export const decodeBase64: (text: string) => Uint8Array<ArrayBuffer> = base64.decodeBase64;
