/** nebula with AES, without a lighthouse's help: each host is told where the other is. Its cipher cannot be turned off. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { device, must, type Overlay } from './overlay.js';

const PORT = 4242;

export const nebula: Overlay = {
  name: 'nebula, AES',
  programs: ['nebula', 'nebula-cert'],
  async start(lab) {
    const file = (name: string) => join(lab.directory, name);
    const ca = ['-out-crt', file('ca.crt'), '-out-key', file('ca.key')];
    await must(lab, 0, ['nebula-cert', 'ca', '-name', 'bench', ...ca]);
    for (const [i, host] of lab.hosts.entries()) {
      const other = 1 - i;
      const signer = ['-ca-crt', file('ca.crt'), '-ca-key', file('ca.key')];
      const made = ['-out-crt', file(`${i}.crt`), '-out-key', file(`${i}.key`)];
      await must(lab, i, ['nebula-cert', 'sign', '-name', host.name, '-ip', `10.9.0.${i + 1}/24`, ...signer, ...made]);
      const any = [{ port: 'any', proto: 'any', host: 'any' }];
      const config = {
        pki: { ca: file('ca.crt'), cert: file(`${i}.crt`), key: file(`${i}.key`) },
        static_host_map: { [`10.9.0.${other + 1}`]: [`${lab.hosts[other].underlay}:${PORT}`] },
        lighthouse: { am_lighthouse: i === 0, hosts: i === 0 ? [] : ['10.9.0.1'] },
        listen: { host: '0.0.0.0', port: PORT },
        cipher: 'aes',
        tun: { dev: 'nebula0', mtu: 1400 },
        firewall: { outbound: any, inbound: any },
      };
      // YAML takes JSON.
      writeFileSync(file(`nebula-${i}.yml`), JSON.stringify(config));
      lab.spawn(host, ['nebula', '-config', file(`nebula-${i}.yml`)], { stdio: 'ignore' });
      await device(lab, i, 'nebula0');
    }
    return '10.9.0.2';
  },
};
