/** Runs cases with the package `benchmark`, one after the other, and prints a table. */
import Benchmark from 'benchmark';

export interface Case {
  readonly name: string;
  /** What one call does, in these units: packets, or bytes for a rate in GB/s. */
  readonly packets?: number;
  readonly bytes?: number;
  readonly run: () => void;
}

export interface Result {
  readonly name: string;
  readonly nsPerCall: number;
  /** Relative margin of error, percent. */
  readonly error: number;
  readonly packetsPerSecond?: number;
  readonly gigabytesPerSecond?: number;
}

/** @param seconds measured for each case */
export function measure({ name, run, packets, bytes }: Case, seconds: number): Result {
  const benchmark = new Benchmark(name, run, { maxTime: seconds, minSamples: 5 });
  benchmark.run();
  const { hz, stats } = benchmark;
  return {
    name,
    nsPerCall: 1e9 / hz,
    error: stats.rme,
    ...(packets === undefined ? {} : { packetsPerSecond: hz * packets }),
    ...(bytes === undefined ? {} : { gigabytesPerSecond: (hz * bytes) / 1e9 }),
  };
}

export function line({ name, nsPerCall, error, packetsPerSecond, gigabytesPerSecond }: Result): string {
  const time =
    nsPerCall < 1e5 ? `${nsPerCall.toFixed(nsPerCall < 100 ? 1 : 0)} ns` : `${(nsPerCall / 1e6).toFixed(2)} ms`;
  const packets = packetsPerSecond === undefined ? '' : `${(packetsPerSecond / 1e6).toFixed(2)} M packets/s`;
  const bytes = gigabytesPerSecond === undefined ? '' : `${gigabytesPerSecond.toFixed(2)} GB/s`;
  return `${name.padEnd(44)}${time.padStart(12)} ±${error.toFixed(1).padStart(4)} %  ${packets.padStart(20)}  ${bytes.padStart(12)}`;
}
