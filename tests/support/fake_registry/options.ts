/** How a registry in this process is started, and how it misbehaves. @module */

/** The ways in which registries misbehave. */
export type Quirk =
  /** A PATCH answers 201, and the upload's Range stays at its first chunk (ECR). */
  | "stale-range"
  /** A PATCH is taken up to 200 000 bytes, of which only its Range tells. */
  | "short-chunks"
  /** A PATCH is taken up to 200 000 bytes, and what was more is 416. */
  | "short-chunks-416"
  /** Only whole blobs in one PUT: PATCH is not allowed (GAR, GCR). */
  | "no-chunks"
  /** Who may push may not give an upload up (docker-registry with tokens, which wants the right to delete for it). */
  | "no-cancel"
  /** The state of an upload cannot be asked, nor an upload be continued by another connection (ACR). */
  | "no-resume"
  /** Who may push may not ask for the state of an upload. */
  | "no-asking"
  /** A range without an end, or with one beyond the blob, is 416 (crane's registry). */
  | "open-range-416"
  /** Ranges are ignored: the whole blob comes (a cold pull-through mirror). */
  | "ignore-range"
  /** A range comes up to 300 000 bytes, and its Content-Range says so (a cache that keeps slices). */
  | "short-range"
  /** A range comes byte by byte. */
  | "tiny-range"
  /** Several ranges at once are 501 (GHCR). */
  | "multi-range-501"
  /** A cut PATCH loses its upload session (distribution). */
  | "fragile-sessions"
  /** Mounts open an upload instead (GAR). */
  | "no-mount"
  /** Mounts are refused, and open no upload (Quay without a source, small registries). */
  | "mount-refused"
  /** There is no referrers API. */
  | "no-referrers"
  /** What is told of a blob leaves its size out (a proxy that packs what it passes on). */
  | "no-head-length"
  /** HEAD is not allowed (a proxy or a gateway that passes on GET alone). */
  | "no-head"
  /** Docker-Content-Digest is left out. */
  | "no-digest-header"
  /** Docker-Content-Digest lies. */
  | "lying-digest-header"
  /** Blobs are redirected to a signed URL of another host. */
  | "redirect"
  /** All answers are an HTML page with the status 200. */
  | "html";

/** How often something goes wrong: each counts down to none. */
export interface Faults {
  /** Answers 429 with Retry-After: 0. */
  tooMany?: number;
  /** Answers 503. */
  unavailable?: number;
  /** Cuts the body of a blob in its middle. */
  cutBody?: number;
  /** So many ranges are still given; then every one is 500. */
  lastRanges?: number;
  /** Gives a blob with a flipped bit. */
  wrongBlob?: number;
  /** Stops sending in the middle of a blob, and says nothing more. */
  stall?: number;
  /** The token runs out just before a request. */
  expireToken?: number;
  /** The token runs out just before a PUT. */
  expireTokenAtPut?: number;
  /** Loses the upload at a PATCH or PUT. */
  loseUpload?: number;
  /** Loses the upload when its state is asked for. */
  loseAskedUpload?: number;
  /** Answers 500 when the state of an upload is asked for. */
  failAsked?: number;
  /** The signed URL of a redirect answers 403. */
  expireUrl?: number;
  /** Finds a part of an index empty, since another request is putting it anew (docker-registry 2). */
  halfManifest?: number;
}

/** How a registry is started. */
export interface FakeRegistryOptions {
  /** A user and a password that it asks for. */
  user?: { name: string; password: string };
  /** Whether it sends its clients to its own token server, rather than ask for Basic. @default {false} */
  token?: boolean;
  /** What its token server says beside or instead of what it should. */
  tokenAnswer?: Record<string, unknown>;
  /** How it misbehaves. */
  quirks?: readonly Quirk[];
  /** How often something goes wrong. */
  faults?: Faults;
  /** The smallest chunk that it takes, in bytes; sent as OCI-Chunk-Min-Length. */
  minChunkBytes?: number;
  /** How long each answer is held back, in milliseconds. */
  latencyMs?: number;
  /** What each answer waits for, unless it is that too many came. */
  before?: (request: Request) => Promise<unknown> | void;
  /** How many requests it takes at once, once it has seen so many; the others are 429 with Retry-After: 0. @default {any number} */
  mostAtOnce?: (seen: number) => number;
  /** How many tags a page has. @default {100} */
  tagsPerPage?: number;
  /** The port. @default {a free one} */
  port?: number;
}
