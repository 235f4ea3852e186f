import t from 'tap';
import { desiredHost, tunMtu } from '../../../src/control/desired-host.js';
import { overlayAddress } from '../../../src/core/overlay-address.js';
import { formatAddress, formatPrefix } from '../../../src/wire/address.js';
import { prefix, sampleConfig } from './sample-config.js';

t.test('the MTU inside is what the underlay leaves', async (t) => {
  t.equal(tunMtu(1500, 4), 1450);
  t.equal(tunMtu(1500, 6), 1430);
  t.equal(tunMtu(65_536, 4), 65_485, 'loopback: a UDP payload is 65,507 bytes at most');
});

t.test('the node itself is .0 and ::2 of its pod subnets', async (t) => {
  t.equal(formatAddress(overlayAddress(prefix('10.244.1.0/24'))), '10.244.1.0');
  t.equal(formatAddress(overlayAddress(prefix('fd00:244:1::/64'))), 'fd00:244:1::2');
});

t.test('both families, loops stopped before traffic is drawn', async (t) => {
  const desired = desiredHost(sampleConfig(), 1450);
  t.same(desired.addresses.map(formatAddress), ['10.244.1.0', 'fd00:244:1::2']);
  t.same(
    desired.routes.map(
      (route) => `${route.kind} ${formatPrefix(route.destination)} ${route.source ? formatAddress(route.source) : '-'}`,
    ),
    [
      'unreachable 10.244.1.0/24 -',
      'unreachable fd00:244:1::/64 -',
      'device 10.244.0.0/16 10.244.1.0',
      'device fd00:244::/48 fd00:244:1::2',
    ],
  );
  t.same(
    desired.sysctls.map((sysctl) => `${sysctl.path}=${sysctl.value}`),
    [
      'net/ipv4/conf/podwire0/rp_filter=2',
      'net/ipv6/conf/podwire0/disable_ipv6=0',
      'net/ipv6/conf/podwire0/accept_ra=0',
    ],
  );
});

t.test('below 1280 bytes there is no IPv6', async (t) => {
  t.equal(desiredHost(sampleConfig(), 1280).addresses.length, 2);
  const desired = desiredHost(sampleConfig(), 1279);
  t.same(desired.addresses.map(formatAddress), ['10.244.1.0']);
  t.same(
    desired.routes.map((route) => route.destination.family),
    [4, 4],
  );
  t.same(
    desired.sysctls.map((sysctl) => `${sysctl.path}=${sysctl.value} ${sysctl.needed}`),
    ['net/ipv4/conf/podwire0/rp_filter=2 false', 'net/ipv6/conf/podwire0/disable_ipv6=1 false'],
  );
});

t.test('a cluster range of a family without a pod subnet is left alone', async (t) => {
  const desired = desiredHost(sampleConfig({ podCidr: [prefix('10.244.1.0/24')] }), 1450);
  t.same(
    desired.routes.map((route) => formatPrefix(route.destination)),
    ['10.244.1.0/24', '10.244.0.0/16'],
  );
});
