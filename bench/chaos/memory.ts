/** Does a node grow? A life is a series of its own; short ones say nothing. Pure. */
import { firstCollection, type Slope, slopeOf, type Verdict, verdictOf } from '../slope.js';
import type { Life, MemorySample } from './node.js';

export interface LifeVerdict {
  readonly node: string;
  readonly life: number;
  readonly readyMs: number;
  readonly minutes: number;
  /** KiB. */
  readonly rssFirst: number;
  readonly rssLast: number;
  readonly rssMost: number;
  /** KiB a minute, after the warm-up and the heap's first full collection, if that is early enough. */
  readonly rss: Slope;
  readonly heap: Slope;
  readonly filesMost: number;
  readonly filesLast: number;
  readonly verdict: Verdict | 'too short';
  readonly samples: readonly MemorySample[];
}

/** Less says nothing: code is compiled, pools fill, faults move all at once; minutes. */
const LEAST = 10;
/** The part of a life that does not count. */
const WARM_UP = 0.2;
/** A first collection later than in this part of a life leaves too few samples behind it. */
const ENOUGH = 0.6;
/** A rise that a heap's breathing explains, KiB a minute. */
const TOLERATED = 100;

export function judgeLife({ node, number, readyMs, samples }: Life): LifeVerdict {
  const minutes = (samples.at(-1)?.seconds ?? 0) / 60;
  const warm = samples.filter(({ seconds }) => seconds >= WARM_UP * minutes * 60);
  const collected = firstCollection(warm.map(({ heapKiB }) => heapKiB));
  const late = warm.slice(collected >= 0 && collected < ENOUGH * warm.length ? collected : 0);
  const slope = (of: 'rssKiB' | 'heapKiB') => slopeOf(late.map((sample) => [sample.seconds / 60, sample[of]]));
  const rss = slope('rssKiB');
  return {
    node,
    life: number,
    readyMs,
    minutes: Math.round(minutes * 10) / 10,
    rssFirst: samples[0]?.rssKiB ?? 0,
    rssLast: samples.at(-1)?.rssKiB ?? 0,
    rssMost: Math.max(0, ...samples.map(({ rssKiB }) => rssKiB)),
    rss,
    heap: slope('heapKiB'),
    filesMost: Math.max(0, ...samples.map(({ files }) => files)),
    filesLast: samples.at(-1)?.files ?? 0,
    verdict: verdictOfLife(minutes, collected >= 0, rss),
    samples,
  };
}

/** A rise says nothing before the heap's first full collection: until then what is garbage counts as well. */
function verdictOfLife(minutes: number, collected: boolean, rss: Slope): LifeVerdict['verdict'] {
  if (minutes < LEAST) return 'too short';
  const verdict = verdictOf(rss, TOLERATED);
  return verdict === 'grows' && !collected ? 'undecided' : verdict;
}
