/** tinc 1.0, without cipher and digest. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { device, ip, type Overlay } from './overlay.js';

export const tinc: Overlay = {
  name: 'tinc, no cipher',
  program: 'tincd',
  async start(lab) {
    const folders = lab.hosts.map(({ name }) => join(lab.directory, `tinc-${name}`));
    for (const [i, host] of lab.hosts.entries()) {
      mkdirSync(join(folders[i], 'hosts'), { recursive: true });
      const connect = lab.hosts.filter((other) => other !== host).map((other) => `ConnectTo = ${other.name}\n`);
      writeFileSync(
        join(folders[i], 'tinc.conf'),
        `Name = ${host.name}\nInterface = tinc0\nMode = switch\n${connect.join('')}`,
      );
      const facts = `Address = ${host.underlay}\nCipher = none\nDigest = none\nCompression = 0\n`;
      for (const folder of folders) {
        mkdirSync(join(folder, 'hosts'), { recursive: true });
        writeFileSync(join(folder, 'hosts', host.name), facts);
      }
    }
    for (const [i, host] of lab.hosts.entries()) {
      const keys = await lab.exec(host, ['tincd', '-c', folders[i], '-K2048'], { input: '\n\n', timeoutMs: 60_000 });
      if (keys.code !== 0) throw new Error(`tincd -K: ${keys.stderr}`);
      const { stdout } = await lab.exec(host, ['cat', join(folders[i], 'hosts', host.name)]);
      for (const folder of folders) writeFileSync(join(folder, 'hosts', host.name), stdout);
    }
    for (const [i, host] of lab.hosts.entries()) {
      lab.spawn(host, ['tincd', '-c', folders[i], '-D', `--pidfile=${folders[i]}/pid`], { stdio: 'ignore' });
      await device(lab, i, 'tinc0');
      await ip(lab, i, 'address', 'add', `10.9.0.${i + 1}/24`, 'dev', 'tinc0');
      await ip(lab, i, 'link', 'set', 'tinc0', 'up');
    }
    return '10.9.0.2';
  },
};
