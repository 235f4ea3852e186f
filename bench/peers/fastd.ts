/** fastd with the method null: no cipher, no authentication of data. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { device, ip, type Overlay } from './overlay.js';

export const fastd: Overlay = {
  name: 'fastd, null',
  program: 'fastd',
  async start(lab) {
    const keys = await Promise.all(
      lab.hosts.map(async (host) => {
        const { stdout, stderr } = await lab.exec(host, ['fastd', '--generate-key']);
        const [secret, open] = ['Secret', 'Public'].map(
          (kind) => new RegExp(`${kind}: (\\w+)`).exec(stdout + stderr)?.[1],
        );
        return { secret, open };
      }),
    );
    for (const [i, host] of lab.hosts.entries()) {
      const other = lab.hosts[1 - i];
      const file = join(lab.directory, `fastd-${host.name}.conf`);
      const lines = [
        'mode tap;',
        'interface "fastd0";',
        'method "null";',
        'mtu 1400;',
        `secret "${keys[i].secret}";`,
        `bind ${host.underlay}:10000;`,
        `peer "${other.name}" { key "${keys[1 - i].open}"; remote ${other.underlay}:10000; }`,
      ];
      writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
      lab.spawn(host, ['fastd', '--config', file], { stdio: 'ignore' });
    }
    for (const i of lab.hosts.keys()) {
      await device(lab, i, 'fastd0');
      await ip(lab, i, 'address', 'add', `10.9.0.${i + 1}/24`, 'dev', 'fastd0');
      await ip(lab, i, 'link', 'set', 'fastd0', 'up');
    }
    return '10.9.0.2';
  },
};
