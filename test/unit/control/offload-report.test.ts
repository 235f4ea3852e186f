import t from 'tap';
import type { OffloadSwitches } from '../../../src/control/config/offloads.js';
import { type OffloadResult, offloadReport } from '../../../src/control/offload-report.js';

const AUTO: OffloadSwitches = { checksum: 'auto', tso: 'auto', uso: 'auto', udpSegment: 'auto', udpGro: 'auto' };

function result(offload: OffloadResult['offload'], verdict: OffloadResult['verdict'], seen = ''): OffloadResult {
  return { offload, verdict, seen };
}

t.test('of each offload: what the switch says, then what the tests found', async (t) => {
  const results = [
    result('checksum', 'works'),
    result('checksum', 'unknown', 'a firewall'),
    result('tso', 'works'),
    result('tso', 'broken', 'bytes are lost'),
    result('uso', 'unknown', 'a firewall'),
    result('udpGro', 'absent'),
  ];
  t.strictSame(offloadReport({ ...AUTO, udpSegment: 'off' }, results), [
    { offload: 'checksum', used: true, state: 'on' },
    { offload: 'tso', used: false, state: 'broken', reason: 'bytes are lost' },
    { offload: 'uso', used: true, state: 'untested', reason: 'a firewall' },
    { offload: 'udpSegment', used: false, state: 'off', reason: 'configured' },
    { offload: 'udpGro', used: false, state: 'not-offered' },
  ]);
});

t.test('without checksums there are no superpackets', async (t) => {
  const off = { used: false, state: 'off', reason: 'it needs checksum' };
  const broken = [result('checksum', 'broken', 'wrong'), result('tso', 'works')];
  for (const [switches, results] of [
    [{ ...AUTO, checksum: 'off' }, []],
    [AUTO, broken],
    [AUTO, []],
  ] as const) {
    t.match(offloadReport(switches, results).slice(1, 3), [
      { offload: 'tso', ...off },
      { offload: 'uso', ...off },
    ]);
  }
  t.match(offloadReport({ ...AUTO, checksum: 'off', tso: 'off' }, [])[1], { reason: 'configured' });
});
