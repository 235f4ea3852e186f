/** What is measured of an overlay, and how it is written. */

export const FIGURES = {
  tcp1: { title: 'TCP 1', unit: 'Gbit/s', digits: 2, more: true },
  tcp1Reverse: { title: 'TCP 1 reverse', unit: 'Gbit/s', digits: 2, more: true },
  tcp4: { title: 'TCP 4', unit: 'Gbit/s', digits: 2, more: true },
  udp64: { title: 'UDP 64 B', unit: 'k/s', digits: 0, more: true },
  cpuPerGb: { title: 'CPU', unit: 's/GB', digits: 2, more: false },
  rttMean: { title: 'RTT idle, mean', unit: 'µs', digits: 0, more: false },
  rttP99: { title: 'RTT idle, p99', unit: 'µs', digits: 0, more: false },
  loadedRttMean: { title: 'RTT beside TCP, mean', unit: 'µs', digits: 0, more: false },
  loadedRttP99: { title: 'RTT beside TCP, p99', unit: 'µs', digits: 0, more: false },
} as const;

export type Figure = keyof typeof FIGURES;
export const NAMES = Object.keys(FIGURES) as Figure[];

/** Of one round. */
export type Sample = Readonly<Record<Figure, number>>;

/** The samples of each overlay, by its name, in the order of the rounds. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;
