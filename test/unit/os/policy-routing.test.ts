import t from 'tap';
import type { IpRoute } from '../../../src/os/observe.js';
import { type IpRule, parseXfrmPolicies, stealingRule } from '../../../src/os/policy-routing.js';
import { prefix } from '../control/sample-config.js';

const POD = [prefix('10.244.1.0/24')];
const RANGE = prefix('10.244.0.0/16');
const MAIN: IpRule = { priority: 32_766, src: 'all', table: 'main' };
const LOCAL: IpRule = { priority: 0, src: 'all', table: 'local' };
const DEFAULT: IpRoute[] = [{ dst: 'default', dev: 'wg0' }];

t.test('routing rules', async (t) => {
  const steals = { priority: 100, src: 'all', table: '42' };
  const cases: [string, IpRule[], IpRoute[], string | undefined][] = [
    ['none', [], DEFAULT, undefined],
    ['one for all', [steals], DEFAULT, '100: from all lookup 42'],
    ['whose table has no route for us', [steals], [{ dst: '192.0.2.0/24', dev: 'x' }], undefined],
    ['whose table has a part of the range', [steals], [{ dst: '10.244.7.0/24', dev: 'x' }], '100: from all lookup 42'],
    ['for our pods', [{ ...steals, src: '10.244.0.0', srclen: 16 }], DEFAULT, '100: from 10.244.0.0/16 lookup 42'],
    ['for others', [{ ...steals, src: '10.7.0.0', srclen: 16 }], DEFAULT, undefined],
    ['to others', [{ ...steals, dst: '10.7.0.0', dstlen: 16 }], DEFAULT, undefined],
    ['with a mark', [{ ...steals, fwmark: '0x7' }], DEFAULT, undefined],
    ['without a mark, as wg-quick does', [{ ...steals, not: null, fwmark: '0x7' }], DEFAULT, '100: from all lookup 42'],
    [
      'the same behind its own rule',
      [{ priority: 99, src: 'all', table: 'main', suppress_prefixlen: 0 }, steals],
      DEFAULT,
      undefined,
    ],
    ['a refusal', [{ priority: 5, src: 'all', action: 'prohibit' }], [], '5: from all prohibit'],
  ];
  for (const [name, rules, routes, expected] of cases) {
    const found = stealingRule([LOCAL, ...rules, MAIN], new Map([['42', routes]]), POD, RANGE);
    t.equal(found?.rule, expected, name);
  }
  t.equal(stealingRule([LOCAL, MAIN, steals], new Map([['42', DEFAULT]]), POD, RANGE), undefined, 'behind main');
});

t.test('IPsec policies', async (t) => {
  const policy = (from: string, to: string, direction: string, rest: string) =>
    `src ${from} dst ${to} \n\tdir ${direction} ${rest} ptype main \n`;
  const block = 'action block priority 0';
  const tunnel = 'priority 0\n\ttmpl src 192.0.2.1 dst 192.0.2.2';
  const text = [
    policy('10.244.0.0/16', '10.244.0.0/16', 'fwd', block),
    policy('0.0.0.0/0', '10.244.2.0/24', 'out', tunnel),
    policy('10.244.1.0/24', '172.16.0.0/12', 'out', tunnel),
    policy('10.244.1.0/24', '10.244.2.0/24', 'in', block),
    policy('10.244.1.0/24', '10.244.2.0/24', 'out', 'priority 0'),
    policy('::/0', '::/0', 'out', block),
  ].join('');
  t.strictSame(parseXfrmPolicies(text, POD, [RANGE]), [
    { selector: 'dir fwd src 10.244.0.0/16 dst 10.244.0.0/16', blocks: true },
    { selector: 'dir out src 0.0.0.0/0 dst 10.244.2.0/24', blocks: false },
  ]);
});
