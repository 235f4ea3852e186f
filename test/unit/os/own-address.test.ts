import t from 'tap';
import { underlayText } from '../../../src/core/underlay.js';
import { ownAddresses, ownAddressesTowards, provenAddressesTowards } from '../../../src/os/own-address.js';
import { address } from '../control/sample-config.js';

const endpoint = (text: string, port = 7946) => ({ address: address(text), port });

async function towards(...targets: Parameters<typeof ownAddressesTowards>[0]): Promise<string> {
  return underlayText((await ownAddressesTowards(targets)).underlay);
}

t.test('the kernel’s routes say from where others are reached', async (t) => {
  t.equal(await towards(endpoint('127.0.0.1')), '127.0.0.1');
  t.equal(await towards(), '', 'nobody to reach');
  t.equal(await towards(endpoint('127.0.0.1', 99_999)), '', 'no port, no answer, and no throw');
});

const no6 = ownAddresses([address('::1')]).length === 0 && 'needs ::1';
t.test('one of each family, where both are reached', { skip: no6 }, async (t) => {
  const [four, six] = [endpoint('127.0.0.1'), endpoint('::1')];
  t.equal(await towards(four, six), '127.0.0.1 and ::1', 'refused connections were answered');
  t.equal(await towards(six, four, endpoint('127.0.0.2')), '127.0.0.1 and ::1', 'most votes, among equals the first');
  t.equal(await towards(endpoint('127.0.0.1', 99_999), six), '::1', 'who cannot be asked for has no vote');
  t.equal((await ownAddressesTowards([four, six])).proven, true);
  t.equal((await ownAddressesTowards([six])).proven, false, 'where there is no choice nobody is tried');
  t.strictSame(await provenAddressesTowards([six]), [address('::1')]);
  t.strictSame(await provenAddressesTowards([]), []);
});

t.test('whether an address is this machine’s', async (t) => {
  t.strictSame(ownAddresses(['192.0.2.77', '127.0.0.1'].map(address)), [address('127.0.0.1')]);
});
