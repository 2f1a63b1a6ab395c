import type { PartProgress } from "../operation/event.ts";
import { formatDuration } from "../base/duration.ts";

const judgeAfterMs = 1000;
/** The share of the bytes by which no speed can be judged yet. */
const tooFew = 1 / 1000;

/** How far something is that moves bytes. */
export interface MovingShare extends Omit<PartProgress, "label"> {
  /** How long it has been moving bytes, in milliseconds. */
  movingMs: number;
  /** How long the rest takes, in milliseconds, where that is known better than by the bytes. */
  leftMs?: number | undefined;
  /** Its destinations, where there are several. */
  parts?: readonly PartProgress[];
}

/** The time that is left till the slowest of the destinations has all, for people; `undefined` while there is not enough to judge by. */
export function timeLeft(share: MovingShare): string | undefined {
  if (share.movingMs < judgeAfterMs) return undefined;
  const leftMs = share.leftMs ?? leftByBytes(share);
  if (!(leftMs > 0 && leftMs < Infinity)) return undefined;
  const seconds = Math.ceil(leftMs / 1000);
  return `${seconds < 60 ? `${seconds}s` : formatDuration(seconds * 1000)} left`;
}

function leftByBytes({ movingMs, parts = [], ...whole }: MovingShare): number {
  const shares = parts.length > 0 ? parts : [whole];
  const left = shares.map(({ bytesMoved, bytesToMove }) => {
    if (bytesMoved >= bytesToMove) return 0;
    if (bytesMoved < bytesToMove * tooFew) return Infinity;
    return (bytesToMove - bytesMoved) / bytesMoved * movingMs;
  });
  return Math.max(...left);
}
