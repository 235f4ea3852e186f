import t from 'tap';
import { CE, decapsulatedEcn, ECN_DROP, ECT_0, ECT_1, NOT_ECT } from '../../../src/core/ecn.js';

t.test('every cell of RFC 6040, figure 4', (t) => {
  const outer = [NOT_ECT, ECT_0, ECT_1, CE];
  const row = (inner: number) => outer.map((mark) => decapsulatedEcn(inner, mark));
  t.same(row(NOT_ECT), [NOT_ECT, NOT_ECT, NOT_ECT, ECN_DROP]);
  t.same(row(ECT_0), [ECT_0, ECT_0, ECT_1, CE]);
  t.same(row(ECT_1), [ECT_1, ECT_1, ECT_1, CE]);
  t.same(row(CE), [CE, CE, CE, CE]);
  t.end();
});
