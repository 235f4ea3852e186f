/** Figures of several rounds, and the machine that they come from. */
import { cpus, release } from 'node:os';

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The smallest value that this part of all do not exceed. @param part 0 < part <= 1 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

export function machine(): string {
  return `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.version}`;
}

/** NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
