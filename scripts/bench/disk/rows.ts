/** One line of the bench's table. */
export interface Row {
  what: string;
  measured: string;
  against: string;
  ratio: string;
  goal: string;
}

/** A line that holds what was measured against something that it should not exceed. */
export function atMost(
  what: string,
  measured: number,
  show: (value: number) => string | number,
  against: number,
  whom: string,
  goal: number,
): Row {
  return {
    what,
    measured: String(show(measured)),
    against: `${show(against)} ${whom}`,
    ratio: (measured / against).toFixed(3),
    goal: `<= ${goal}`,
  };
}

/** A line that holds a speed in MiB/s against the least that it should be. */
export function atLeast(what: string, speed: number, least: number, beside: string): Row {
  return {
    what: `${what}, MiB/s`,
    measured: speed.toFixed(0),
    against: `${least}; ${beside}`,
    ratio: (speed / least).toFixed(2),
    goal: ">= 1",
  };
}

/** Bytes in MB. */
export function mb(value: number): string {
  return `${(value / 1e6).toFixed(2)} MB`;
}

/** Seconds. */
export function secs(value: number): string {
  return `${value.toFixed(2)} s`;
}
