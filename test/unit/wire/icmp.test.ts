import t from 'tap';
import { isIcmpError, isIcmpv6Error } from '../../../src/wire/icmp.js';

t.test('which types are errors', async (t) => {
  const types = Array.from({ length: 256 }, (_, type) => type);
  t.same(types.filter(isIcmpError), [3, 4, 5, 11, 12]);
  t.same(
    types.filter((type) => !isIcmpv6Error(type)),
    types.filter((type) => type >= 128 && type !== 137),
  );
});
