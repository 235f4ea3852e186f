/** Numbers as people read them. */

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const DECIMAL = ['', 'k', 'M', 'G', 'T', 'P'];

/** Bytes: `0 B`, `1.5 KiB`. */
export function bytesText(bytes: number): string {
  const [digits, unit] = scaled(bytes, 1024, BINARY);
  return `${digits} ${unit}`;
}

/** A count, its thousands apart: `1,234,567`. */
export function countText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** So many a second: `0/s`, `0.5/s`, `12.3k/s`. */
export function rateText(perSecond: number): string {
  return `${scaled(perSecond, 1000, DECIMAL).join('')}/s`;
}

/** Bytes a second, in the bits that links are measured in: `0 bit/s`, `8.1 Gbit/s`. */
export function bitRateText(bytesPerSecond: number): string {
  const [digits, unit] = scaled(bytesPerSecond * 8, 1000, DECIMAL);
  return `${digits} ${unit}bit/s`;
}

/** A time: `0.4s`, `59s`, `12m 5s`, `3h 12m`, `4d 2h`. */
export function durationText(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1000);
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600), Math.floor(seconds / 60)];
  if (days > 0) return `${days}d ${hours % 24}h`;
  if (hours > 0) return `${hours}h ${minutes % 60}m`;
  return minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`;
}

/** The number in the largest unit that leaves it at 1 or more, and that unit. */
function scaled(value: number, step: number, units: readonly string[]): [string, string] {
  let unit = 0;
  // What would be rounded up to a whole step is shown as one of the next unit.
  while (value >= step - 0.5 && unit < units.length - 1) {
    value /= step;
    unit++;
  }
  const whole = value >= 100 || (unit === 0 && Number.isInteger(value));
  return [whole ? String(Math.round(value)) : value.toFixed(1), units[unit]];
}
