import t from 'tap';
import { desiredHost, UNREACHABLE_METRIC } from '../../../src/control/desired-host.js';
import { type ActualHost, type ActualRoute, conflicts, plan, undoAll, undoOf } from '../../../src/control/host-plan.js';
import { prefix, sampleConfig } from './sample-config.js';

const desired = desiredHost(sampleConfig(), 1450);
const nothing: ActualHost = { addresses: [], routes: [] };

function route(destination: string, more: Partial<ActualRoute> = {}): ActualRoute {
  return { destination: prefix(destination), type: 'unicast', protocol: 'static', metric: 0, ...more };
}

t.test('from nothing', async (t) => {
  t.same(
    plan(desired, nothing).map((step) => step.line),
    [
      'link set dev podwire0 mtu 1450 txqueuelen 500 addrgenmode none',
      'address add 10.244.1.0/32 dev podwire0',
      'address add fd00:244:1::2/128 dev podwire0 nodad',
      'link set dev podwire0 up',
      'route add unreachable 10.244.1.0/24 metric 4278198272 protocol 84',
      'route add unreachable fd00:244:1::/64 metric 4278198272 protocol 84',
      'route add 10.244.0.0/16 dev podwire0 protocol 84 src 10.244.1.0',
      'route add fd00:244::/48 dev podwire0 protocol 84 src fd00:244:1::2',
    ],
  );
});

t.test('and back, last made first', async (t) => {
  const undo = [
    'route del fd00:244::/48 dev podwire0 protocol 84',
    'route del 10.244.0.0/16 dev podwire0 protocol 84',
    'route del unreachable fd00:244:1::/64 metric 4278198272 protocol 84',
    'route del unreachable 10.244.1.0/24 metric 4278198272 protocol 84',
    'address del fd00:244:1::2/128 dev podwire0',
    'address del 10.244.1.0/32 dev podwire0',
  ];
  t.same(undoAll(desired), undo);
  t.same(undoOf(plan(desired, nothing).slice(0, 5)), undo.slice(3), 'of a part, that part');
});

t.test('without IPv6 the device is not asked about it: a kernel without would refuse', async (t) => {
  t.same(
    plan(desiredHost(sampleConfig(), 1000), nothing).map((step) => step.line),
    [
      'link set dev podwire0 mtu 1000 txqueuelen 500',
      'address add 10.244.1.0/32 dev podwire0',
      'link set dev podwire0 up',
      'route add unreachable 10.244.1.0/24 metric 4278198272 protocol 84',
      'route add 10.244.0.0/16 dev podwire0 protocol 84 src 10.244.1.0',
    ],
  );
});

t.test('what is ours and there is not made again', async (t) => {
  const there: ActualHost = {
    addresses: [prefix('10.244.1.0/32'), prefix('fd00:244:1::2/128')],
    routes: [
      route('10.244.1.0/24', { type: 'unreachable', protocol: '84', metric: UNREACHABLE_METRIC }),
      route('fd00:244:1::/64', { type: 'unreachable', device: 'lo', protocol: '84', metric: UNREACHABLE_METRIC }),
      route('10.244.0.0/16', { device: 'podwire0', protocol: '84' }),
      route('fd00:244::/48', { device: 'podwire0', protocol: '84', metric: 1024 }),
    ],
  };
  t.same(conflicts(desired, there), []);
  const steps = plan(desired, there);
  t.same(
    steps.map((step) => step.line),
    ['link set dev podwire0 mtu 1450 txqueuelen 500 addrgenmode none', 'link set dev podwire0 up'],
  );
  t.same(undoOf(steps), [], 'and so a failure takes none of it away');
});

t.test('conflicts', async (t) => {
  const cases: [string, ActualRoute, string[]][] = [
    [
      "somebody's route to the cluster",
      route('10.244.0.0/16', { device: 'eth0', gateway: '192.0.2.254' }),
      ["the route '10.244.0.0/16 via 192.0.2.254 dev eth0 proto static' is there already and is not podwire's"],
    ],
    [
      'at another metric too: ours would take its traffic',
      route('fd00:244::/48', { device: 'eth0', metric: 5 }),
      ["the route 'fd00:244::/48 dev eth0 proto static' is there already and is not podwire's"],
    ],
    [
      'our mark, but another device: another podwire',
      route('10.244.0.0/16', { device: 'podwire1', protocol: '84' }),
      ["the route '10.244.0.0/16 dev podwire1 proto 84' is there already and is not podwire's"],
    ],
    [
      'an unreachable route in our place that is not marked',
      route('10.244.1.0/24', { type: 'unreachable', protocol: 'boot', metric: UNREACHABLE_METRIC }),
      ["the route 'unreachable 10.244.1.0/24 proto boot' is there already and is not podwire's"],
    ],
    ['the bridge that pods hang on', route('10.244.1.0/24', { device: 'cni0', protocol: 'kernel' }), []],
    ['another prefix', route('10.245.0.0/16', { device: 'eth0' }), []],
  ];
  for (const [name, there, expected] of cases) {
    t.same(conflicts(desired, { addresses: [], routes: [there] }), expected, name);
  }
  t.same(conflicts(desired, { addresses: undefined, routes: [] }), ['there is no device podwire0']);
});

t.test('a pod subnet as wide as the cluster is no conflict with itself', async (t) => {
  const whole = desiredHost(
    sampleConfig({ podCidr: [prefix('10.244.0.0/16')], clusterCidr: [prefix('10.244.0.0/16')] }),
    1450,
  );
  const there: ActualHost = {
    addresses: [],
    routes: [
      route('10.244.0.0/16', { type: 'unreachable', protocol: '84', metric: UNREACHABLE_METRIC }),
      route('10.244.0.0/16', { device: 'podwire0', protocol: '84' }),
    ],
  };
  t.same(conflicts(whole, there), []);
});
