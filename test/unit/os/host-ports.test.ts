/** Who listens, as the kernel's files have it. */
import t from 'tap';
import { listening } from '../../../src/os/host-ports.js';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const line = (local: string, state: string) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n`;

t.test('what waits for others', async (t) => {
  const tcp = HEAD + line('00000000:0016', '0A') + line('0100007F:1F90', '0A') + line('0201650A:0050', '01');
  t.same(listening(tcp, 'tcp'), [22], 'not what listens for the node alone, nor connections');
  const zero = '0'.repeat(32);
  const tcp6 = HEAD + line(`${zero}:0050`, '0A') + line(`${'0'.repeat(24)}01000000:0051`, '0A');
  t.same(listening(tcp6, 'tcp'), [80]);
  t.same(listening(HEAD + line('0201650A:2118', '07') + line('0201650A:0050', '01'), 'udp'), [8472]);
  t.same(listening('', 'tcp'), []);
  t.same(listening('damaged\n1: x', 'tcp'), []);
});
