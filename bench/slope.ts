/** Does what was measured grow? A straight line through points, by least squares; a count that does not come down. Pure. */

export interface Slope {
  /** How much y grows with 1 of x. */
  readonly perMinute: number;
  /** Its standard error; 0 with fewer than three points. */
  readonly error: number;
}

/** @param points pairs of minutes and a value */
export function slopeOf(points: readonly (readonly [number, number])[]): Slope {
  const n = points.length;
  const mean = (of: 0 | 1) => points.reduce((sum, point) => sum + point[of], 0) / n;
  const [meanX, meanY] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (n < 2 || spread === 0) return { perMinute: 0, error: 0 };
  const perMinute = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const residual = points.reduce((sum, [x, y]) => sum + (y - meanY - perMinute * (x - meanX)) ** 2, 0);
  return { perMinute, error: n > 2 ? Math.sqrt(residual / (n - 2) / spread) : 0 };
}

export type Verdict = 'steady' | 'undecided' | 'grows';

/** Whether a slope is below what is tolerated, or above it, with two standard errors of room. */
export function verdictOf({ perMinute, error }: Slope, tolerated: number): Verdict {
  if (perMinute + 2 * error <= tolerated) return 'steady';
  return perMinute - 2 * error > tolerated ? 'grows' : 'undecided';
}

/** Of many verdicts; none is `steady`. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  return (['grows', 'undecided'] as const).find((verdict) => verdicts.includes(verdict)) ?? 'steady';
}

/** Whether a count stays above what it was: open files, of which one more now and then is a connection that comes and goes. */
export function rises(counts: readonly number[]): boolean {
  const half = Math.floor(counts.length / 2);
  return Math.min(...counts.slice(half)) > Math.max(...counts.slice(0, half));
}
