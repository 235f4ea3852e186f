import t from 'tap';
import { isOwnAddress, ownAddressTowards } from '../../../src/os/own-address.js';
import { formatAddress } from '../../../src/wire/address.js';
import { address } from '../control/sample-config.js';

const endpoint = (text: string, port = 7946) => ({ address: address(text), port });

async function towards(...targets: Parameters<typeof ownAddressTowards>[0]): Promise<string | undefined> {
  const own = await ownAddressTowards(targets);
  return own && formatAddress(own);
}

t.test('the kernel’s routes say from where others are reached', async (t) => {
  t.equal(await towards(endpoint('127.0.0.1')), '127.0.0.1');
  t.equal(await towards(), undefined, 'nobody to reach');
  t.equal(await towards(endpoint('127.0.0.1', 99_999)), undefined, 'no port, no answer, and no throw');
});

t.test('most votes win, among equals the first', { skip: !isOwnAddress(address('::1')) && 'needs ::1' }, async (t) => {
  const [four, six] = [endpoint('127.0.0.1'), endpoint('::1')];
  t.equal(await towards(four, six), '127.0.0.1');
  t.equal(await towards(six, four), '::1');
  t.equal(await towards(four, six, six), '::1');
  t.equal(await towards(endpoint('127.0.0.1', 99_999), six), '::1', 'who cannot be asked for has no vote');
});

t.test('whether an address is this machine’s', async (t) => {
  t.ok(isOwnAddress(address('127.0.0.1')));
  t.notOk(isOwnAddress(address('192.0.2.77')));
});
