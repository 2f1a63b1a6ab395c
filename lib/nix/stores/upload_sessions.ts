/** A multipart upload that was begun. */
export interface UploadSession {
  /** The server's name for it. */
  uploadId: string;
  /** The size of its parts, in bytes. */
  partBytes: number;
  /** The ETags of the parts that the server has, by number from 1 on. */
  parts: Record<string, string>;
}

/** Remembers uploads over the end of the process. */
export interface UploadSessions {
  /** The session of an object at a URL. */
  get(url: string): Promise<UploadSession | undefined>;
  /** Writes down how far it is. */
  set(url: string, session: UploadSession): Promise<void>;
  /** Forgets it. */
  delete(url: string): Promise<void>;
}
