/** What the commands that measure have in common: which tests, and how long. */
import type { Command } from 'commander';
import { MAX_SECONDS, MAX_SIZE, MAX_STREAMS, MIN_SIZE } from '../bench/messages.js';
import { type SuiteOptions, TESTS, type TestName } from '../bench/suite.js';
import { between, listOption, numbers, someOf } from './option-values.js';

/** `podwire bench serve` listens here, unless told otherwise. */
export const BENCH_PORT = 7950;

/** As it is written: `loss` and `tolerance` in percent. */
export type WrittenSuite = Omit<SuiteOptions, 'joined'> & { readonly joined?: boolean };

export function addSuiteOptions(command: Command, tests: readonly TestName[]): Command {
  const sizes = numbers(MIN_SIZE, MAX_SIZE);
  return command
    .addOption(listOption('--tests <LIST>', TESTS.join(', '), tests, someOf(TESTS)))
    .option('--seconds <SECONDS>', 'of each TCP test and of the flood', between(0.1, MAX_SECONDS), 3)
    .addOption(listOption('--streams <LIST>', 'TCP: how many at once, test by test', [1, 4], numbers(1, MAX_STREAMS)))
    .addOption(
      listOption('--sizes <LIST>', 'UDP: payloads, bytes; the first for the flood', [64, 256, 512, 1024, 1400], sizes),
    )
    .option('--pings <COUNT>', 'round trips', between(10, 100_000), 1000)
    .option('--trial-seconds <SECONDS>', 'rate: of each trial', between(0.1, MAX_SECONDS), 1)
    .option('--loss <PERCENT>', 'rate: so much of a trial may be lost', between(0, 50), 0)
    .option('--tolerance <PERCENT>', 'rate: how near it is sought', between(0.1, 50), 5)
    .option('--joined', 'UDP: hand many datagrams to the kernel as one (UDP_SEGMENT), and take them so');
}

/** Of all that a command's options hold, those of the tests. */
export function suiteOf(written: WrittenSuite): SuiteOptions {
  const { tests, seconds, trialSeconds, streams, sizes, loss, tolerance, pings, joined = false } = written;
  const parts = { loss: loss / 100, tolerance: tolerance / 100 };
  return { tests, seconds, trialSeconds, streams, sizes, joined, pings: Math.round(pings), ...parts };
}
