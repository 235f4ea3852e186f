/**
 * Does a node grow? A life is a series of its own; short ones say nothing. Judged is what is left right after a full
 * collection: between two of them a heap rises for half an hour by what is garbage, and a slope would tell of nothing else.
 * Pure.
 */
import { type Slope, slopeOf, type Verdict, verdictOf, worst } from '../slope.js';
import type { Life, MemorySample } from './node.js';

export interface LifeVerdict {
  readonly node: string;
  readonly life: number;
  readonly readyMs: number;
  readonly minutes: number;
  /** Of the resident memory: KiB of all samples. */
  readonly rssFirst: number;
  readonly rssLast: number;
  readonly rssMost: number;
  /** What of the heap was in use when the warm-up was over, and at last; KiB. */
  readonly heapFirst: number;
  readonly heapLast: number;
  /** After the warm-up. */
  readonly rss: Slope;
  readonly heap: Slope;
  readonly filesMost: number;
  readonly filesLast: number;
  readonly verdict: Verdict | 'too short';
  readonly samples: readonly MemorySample[];
}

/** Less says nothing: code is compiled, pools fill, and the heap gains a MiB until it has seen every kind of fault; minutes. */
const LEAST = 30;
/** Fewer collections say nothing either. */
const LEAST_SAMPLES = 10;
/** The part of a life that does not count. */
const WARM_UP = 0.2;
/** What an allocator's breathing explains, KiB a minute: in an hour 6 MiB of about 105. */
const TOLERATED_RSS = 100;
/** A heap without garbage breathes by what is remembered of the last minutes: in an hour 1.5 MiB of about 15. */
const TOLERATED_HEAP = 25;

export function judgeLife({ node, number, readyMs, samples }: Life): LifeVerdict {
  const minutes = (samples.at(-1)?.seconds ?? 0) / 60;
  const judged = samples.filter(({ seconds, collected }) => collected && seconds >= WARM_UP * minutes * 60);
  const slope = (of: 'rssKiB' | 'heapKiB') => slopeOf(judged.map((sample) => [sample.seconds / 60, sample[of]]));
  const [rss, heap] = [slope('rssKiB'), slope('heapKiB')];
  const enough = minutes >= LEAST && judged.length >= LEAST_SAMPLES;
  return {
    node,
    life: number,
    readyMs,
    minutes: Math.round(minutes * 10) / 10,
    rssFirst: samples[0]?.rssKiB ?? 0,
    rssLast: samples.at(-1)?.rssKiB ?? 0,
    rssMost: Math.max(0, ...samples.map(({ rssKiB }) => rssKiB)),
    heapFirst: judged[0]?.heapKiB ?? 0,
    heapLast: judged.at(-1)?.heapKiB ?? 0,
    rss,
    heap,
    filesMost: Math.max(0, ...samples.map(({ files }) => files)),
    filesLast: samples.at(-1)?.files ?? 0,
    verdict: enough ? worst([verdictOf(rss, TOLERATED_RSS), verdictOf(heap, TOLERATED_HEAP)]) : 'too short',
    samples,
  };
}
