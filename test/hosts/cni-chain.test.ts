/** Debian's tuning, bandwidth and portmap behind podwire in one chain, as a runtime calls them: CNI 1.0.0, the most they speak. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Lab } from '../../src/lab/lab.js';
import { hasProgram } from '../../src/lab/tools.js';
import { cni, containers, traces } from './cni.js';
import { labSkip } from './lab.js';

const PLUGINS = '/usr/lib/cni';
const skip =
  labSkip() ||
  (hasProgram('nft') ? false : 'needs nft (nftables)') ||
  (existsSync(join(PLUGINS, 'tuning')) ? false : 'needs the package containernetworking-plugins');

t.test('a chain: podwire, tuning, bandwidth, portmap', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'cnichain', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const [pod] = await containers(lab, alpha, 'pod');
  const others = [
    { type: 'tuning', sysctl: { 'net.ipv4.conf.eth0.log_martians': '1' }, mtu: 1400 },
    { type: 'bandwidth', ingressRate: 8_000_000, ingressBurst: 8_000_000 },
    ...(hasProgram('iptables')
      ? [{ type: 'portmap', runtimeConfig: { portMappings: [{ hostPort: 8090, containerPort: 80, protocol: 'tcp' }] } }]
      : []),
  ];
  const env = { CNI_PATH: PLUGINS };
  const call = (command: string, own: { type?: string }, prevResult?: object) => {
    const plugin = own.type === undefined ? {} : { plugin: [join(PLUGINS, own.type)] };
    const previous = prevResult && { prevResult };
    return cni(lab, node, command, pod, { ...plugin, env, config: { ...own, ...previous } });
  };
  let result: object | undefined;
  for (const own of [{}, ...others]) {
    const { code, stdout, json } = await call('ADD', own, result);
    t.equal(code, 0, `${JSON.stringify(own)}: ${stdout}`);
    result = json;
  }
  t.match(result, { ips: [{ address: '10.244.1.2/24' }, { address: 'fd00:244:0:1::3/64' }] });
  // portmap 1.1 seeks the rules of IPv4 among those of IPv6: its own CHECK fails for every pod that has both.
  for (const own of [{}, ...others.filter(({ type }) => type !== 'portmap')]) {
    const { code, stdout } = await call('CHECK', own, result);
    t.equal(code, 0, `${JSON.stringify(own)}: ${stdout}`);
  }
  for (const own of [...others.toReversed(), {}]) {
    const { code, stdout } = await call('DEL', own, result);
    t.equal(code, 0, `${JSON.stringify(own)}: ${stdout}`);
  }
  t.notMatch(await traces(lab, alpha), /\bpw[0-9a-v]{12}/, 'nothing is left');
  t.equal((await node.stop()).code, 0);
});
