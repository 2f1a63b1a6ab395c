/** The longest that a timer can wait, in milliseconds: some 24 days. One that is asked to wait longer fires at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** Calls after so many milliseconds, be they more than a timer can wait; not at all if it was disposed of before. */
export function longTimeout(
  call: () => void,
  ms: number,
  longestTurnMs = longestTimerMs,
): Disposable {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (leftMs: number) => {
    const turnMs = Math.min(leftMs, longestTurnMs);
    timer = setTimeout(() => leftMs > turnMs ? wait(leftMs - turnMs) : call(), turnMs);
  };
  wait(ms);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
