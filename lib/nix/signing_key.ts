/**
 * Ed25519 keys and signatures in Nix's format: `name:base64`, the secret key 64 bytes (seed and public key), the
 * public key 32, a signature 64.
 *
 * @module
 */
import { decodeBase64, encodeBase64 } from "@std/encoding";
import { UsageError } from "../base/errors.ts";

/** A public key that signatures are checked with. */
export interface PublicKey {
  /** The key's name: `cache.acme.dev-1`. */
  name: string;
  /** `name:base64`, as `trusted-public-keys` holds it. */
  text: string;
  /** For WebCrypto. */
  key: CryptoKey;
}

/** A key that signs. */
export interface SigningKey {
  /** The key's name. */
  name: string;
  /** The other half, for readers. */
  publicKey: PublicKey;
  /** For WebCrypto. */
  key: CryptoKey;
}

const pkcs8Head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const namePattern = /^[^\s:;,/"'\\\p{Cc}]{1,200}$/u;

/**
 * Reads a secret key.
 *
 * @param label where the key came from, for messages; the key itself is never shown
 * @throws {UsageError} if its name or its shape is wrong, or its halves do not belong together
 */
export async function parseSigningKey(text: string, label: string): Promise<SigningKey> {
  const { name, bytes } = split(
    text,
    64,
    `the signing key of ${label}`,
    "it is not a secret key of Nix",
  );
  const seed = bytes.slice(0, 32);
  const pkcs8 = new Uint8Array([...pkcs8Head, ...seed]);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  const publicKey = await parsePublicKey(`${name}:${encodeBase64(bytes.slice(32))}`);
  const probe = new TextEncoder().encode("kedge");
  const signature = await crypto.subtle.sign("Ed25519", key, probe);
  if (!await crypto.subtle.verify("Ed25519", publicKey.key, signature, probe)) {
    throw new UsageError(
      `Cannot use the signing key of ${label}: its two halves do not belong together`,
      {
        hint: "make a new pair with nix key generate-secret",
      },
    );
  }
  return { name, publicKey, key };
}

/**
 * Reads a public key.
 *
 * @throws {UsageError} if its name or its shape is wrong
 */
export async function parsePublicKey(text: string): Promise<PublicKey> {
  const { name, bytes } = split(text, 32, "the public key", "it is not a public key of Nix");
  const key = await crypto.subtle.importKey("raw", bytes, "Ed25519", true, ["verify"]);
  return { name, text: `${name}:${encodeBase64(bytes)}`, key };
}

/**
 * Makes a new pair; the secret text is what Nix keeps in a key file.
 *
 * @throws {UsageError} if the name is none
 */
export async function generateSigningKey(
  name: string,
): Promise<{ secretText: string; publicText: string }> {
  if (!namePattern.test(name)) throw badName(`the key ${JSON.stringify(name.slice(0, 60))}`);
  const pair = await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const seed = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey)).slice(
    16,
    48,
  );
  const publicBytes = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return {
    secretText: `${name}:${encodeBase64(new Uint8Array([...seed, ...publicBytes]))}`,
    publicText: `${name}:${encodeBase64(publicBytes)}`,
  };
}

/** Signs a fingerprint: `name:base64`. */
export async function signFingerprint(key: SigningKey, fingerprint: string): Promise<string> {
  const bytes = await crypto.subtle.sign("Ed25519", key.key, new TextEncoder().encode(fingerprint));
  return `${key.name}:${encodeBase64(new Uint8Array(bytes))}`;
}

/** Whether a text has the shape of a signature. */
export function isSignature(text: string): boolean {
  return /^[^:\s]+:[A-Za-z0-9+/]+={0,2}$/.test(text);
}

/** Whether a signature is one of this key over this fingerprint; a malformed one is not. */
export async function verifySignature(
  key: PublicKey,
  fingerprint: string,
  signature: string,
): Promise<boolean> {
  if (!signature.startsWith(`${key.name}:`)) return false;
  const body = signature.slice(key.name.length + 1);
  if (!/^[A-Za-z0-9+/]{86}==$/.test(body)) return false;
  const data = new TextEncoder().encode(fingerprint);
  return await crypto.subtle.verify("Ed25519", key.key, decodeBase64(body), data);
}

function split(
  text: string,
  size: number,
  what: string,
  state: string,
): { name: string; bytes: Uint8Array<ArrayBuffer> } {
  const trimmed = text.trim();
  const colon = trimmed.indexOf(":");
  const name = trimmed.slice(0, Math.max(0, colon));
  // What stands before the colon may be the secret itself.
  if (colon > 0 && !namePattern.test(name)) throw badName(what);
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(trimmed.slice(colon + 1))) {
    try {
      bytes = decodeBase64(trimmed.slice(colon + 1));
    } catch {
      bytes = undefined;
    }
  }
  if (colon <= 0 || bytes?.length !== size) {
    throw new UsageError(`Cannot use ${what}: ${state}`, {
      hint: `a key is NAME:BASE64 with ${size} bytes in the base64`,
    });
  }
  return { name, bytes };
}

function badName(what: string): UsageError {
  return new UsageError(`Cannot use ${what}: its name is not allowed`, {
    hint: "a key's name has no blank, colon, comma, slash or quote",
  });
}
