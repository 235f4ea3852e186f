/** From switches and tests to what is said of each offload. Pure. */
import { OFFLOADS, type OffloadName, type OffloadSwitches } from './config/offloads.js';
import type { OffloadStatus } from './node-api.js';

/** What became of a test. */
export interface OffloadResult {
  readonly offload: OffloadName;
  /** `unknown`: nothing came through at all, which proves nothing; `absent`: the kernel does not have it. */
  readonly verdict: 'works' | 'broken' | 'absent' | 'unknown';
  /** What was seen, in words; empty where it works. */
  readonly seen: string;
}

/** What the others cannot do without: the kernel takes no segmentation of a device that does no checksums. */
const NEEDS: Partial<Record<OffloadName, OffloadName>> = { tso: 'checksum', uso: 'checksum' };

/** @param results of any number of tests of each offload, one a family; none: the kernel did not offer it */
export function offloadReport(switches: OffloadSwitches, results: readonly OffloadResult[]): OffloadStatus[] {
  const report: OffloadStatus[] = [];
  for (const offload of OFFLOADS) {
    const needed = report.find((status) => status.offload === NEEDS[offload]);
    report.push(
      switches[offload] === 'off'
        ? { offload, used: false, state: 'off', reason: 'configured' }
        : needed?.used === false
          ? { offload, used: false, state: 'off', reason: `it needs ${needed.offload}` }
          : statusOf(
              offload,
              results.filter((result) => result.offload === offload),
            ),
    );
  }
  return report;
}

/** In one family broken is broken: they have one switch. */
function statusOf(offload: OffloadName, results: readonly OffloadResult[]): OffloadStatus {
  const [broken] = results.filter(({ verdict }) => verdict === 'broken');
  if (broken) return { offload, used: false, state: 'broken', reason: broken.seen };
  const [unknown] = results.filter(({ verdict }) => verdict === 'unknown');
  if (results.some(({ verdict }) => verdict === 'works')) return { offload, used: true, state: 'on' };
  if (unknown) return { offload, used: true, state: 'untested', reason: unknown.seen };
  return { offload, used: false, state: 'not-offered' };
}
