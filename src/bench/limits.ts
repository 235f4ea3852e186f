/** Whether a figure is the path's, or only that of our own sender and receiver: in words. Pure. */
import { type BenchResult, titleOf } from './results.js';

/** From this part of what loopback carries on, the programs themselves may be what limits. */
const NEAR = 0.8;
/** A flood of which less is lost has not filled the path. */
const SMALL_LOSS = 0.01;
/** From this part of the losses on, the receiving program is said to be slow. */
const MANY_DROPS = 0.1;

/**
 * @param results of the path
 * @param loopback the same tests in the same run, within this machine and without podwire
 */
export function limitWords(results: readonly BenchResult[], loopback: readonly BenchResult[]): string[] {
  return results.flatMap((result) => {
    const title = titleOf(result);
    if (result.test === 'tcp') {
      const own = loopback.find((one) => one.test === 'tcp' && one.streams === result.streams && !one.reverse);
      if (own?.test !== 'tcp' || result.bitsPerSecond < NEAR * own.bitsPerSecond) return [];
      const rate = (own.bitsPerSecond / 1e9).toFixed(1);
      return [`${title}: near the ${rate} Gbit/s that these programs reach on loopback: the path may carry more`];
    }
    if (result.test === 'udp') {
      const lost = result.sent - result.received;
      if (result.loss < SMALL_LOSS) {
        return [`${title}: nearly all that was sent came: the sender is the limit here, the path may carry more`];
      }
      if (result.socketDrops < MANY_DROPS * lost) return [];
      const percent = Math.min(100, (100 * result.socketDrops) / lost).toFixed(0);
      return [`${title}: ${percent} % of the lost came through, and found the receiving program's socket full`];
    }
    if (result.test === 'rate' && result.senderLimited) {
      return [`${title}: nothing is lost at the highest rate of the sender: the path may carry more`];
    }
    return [];
  });
}
