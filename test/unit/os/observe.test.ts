import t from 'tap';
import { addressesOf, routesOf } from '../../../src/os/observe.js';
import { formatPrefix } from '../../../src/wire/address.js';

t.test('routes of the main table, host routes written out', async (t) => {
  const routes = routesOf([
    { dst: 'default', gateway: '192.0.2.254', dev: 'eth0', protocol: 'static' },
    { dst: '10.244.0.0/16', dev: 'podwire0', protocol: '84' },
    { type: 'unreachable', dst: 'fd00:244:1::/64', dev: 'lo', protocol: '84', metric: 4278198272 },
    { type: 'local', dst: '127.0.0.1', dev: 'lo', table: 'local', protocol: 'kernel' },
    { dst: '10.9.9.9', dev: 'eth0', gateway: '192.0.2.7' },
    { dst: 'fd00::7', dev: 'eth0', metric: 1024 },
  ]);
  t.same(
    routes.map((route) => ({ ...route, destination: formatPrefix(route.destination) })),
    [
      { destination: '10.244.0.0/16', type: 'unicast', device: 'podwire0', protocol: '84', metric: 0 },
      { destination: 'fd00:244:1::/64', type: 'unreachable', device: 'lo', protocol: '84', metric: 4278198272 },
      {
        destination: '10.9.9.9/32',
        type: 'unicast',
        device: 'eth0',
        gateway: '192.0.2.7',
        protocol: 'boot',
        metric: 0,
      },
      { destination: 'fd00::7/128', type: 'unicast', device: 'eth0', protocol: 'boot', metric: 1024 },
    ],
  );
});

t.test("an interface's addresses, each for itself", async (t) => {
  const addresses = addressesOf({
    ifname: 'eth0',
    flags: [],
    mtu: 1500,
    addr_info: [{ local: '192.0.2.1', prefixlen: 24 }, { local: 'fe80::1', prefixlen: 64 }, { prefixlen: 32 }],
  });
  t.same(addresses.map(formatPrefix), ['192.0.2.1/32', 'fe80::1/128']);
});
