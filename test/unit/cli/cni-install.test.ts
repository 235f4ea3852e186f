import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../temporary-folder.js';
import { cli } from './run-cli.js';

t.test('what every ADD would be refused for is not installed', async (t) => {
  const folder = temporaryFolder(t);
  const install = (...options: string[]) =>
    cli(['cni', 'install', '--bin-dir', folder, '--conf-dir', folder, ...options]);
  for (const [options, words] of [
    [['--attach', 'macvlan'], /--attach macvlan needs --range/],
    [['--attach', 'device'], /--attach device needs --device/],
    [['--attach', 'macvlan', '--range', '192.0.2.0/40'], /--range 192\.0\.2\.0\/40: \/40 is not a prefix length/],
    [['--attach', 'macvlan', '--range', '192.0.2.64/27', '--gateway', 'x'], /--gateway x is not an IP address/],
  ] as const) {
    const { code, stdout, stderr } = await install(...options);
    t.equal(code, 2, options.join(' '));
    t.equal(stdout, '');
    t.match(stderr, words);
    t.match(stderr, /; nothing was written\n$/);
  }
  for (const mtu of ['67', '65536', '1400.5', 'x', '']) {
    const { code, stdout, stderr } = await install('--mtu', mtu);
    t.equal(code, 2, `--mtu ${mtu}`);
    t.equal(stdout, '');
    t.match(
      stderr,
      /^podwire: option '--mtu <BYTES>' argument '.*' is invalid\. Write a whole number from 68 to 65535\.\n$/,
    );
  }
  t.same(readdirSync(folder), []);

  const range = ['192.0.2.64/27', '2001:db8::/112'];
  const fit = ['--attach', 'macvlan', '--mtu', '1400', '--range', ...range];
  const { code, stdout } = await install(...fit);
  t.equal(code, 0);
  t.match(stdout, /^note: \S+ has no plugin named loopback/m);
  writeFileSync(join(folder, 'loopback'), '');
  t.notMatch((await install(...fit)).stdout, /loopback/);
  const [plugin] = JSON.parse(readFileSync(join(folder, '10-podwire.conflist'), 'utf8')).plugins;
  t.match(plugin, { attach: 'macvlan', mtu: 1400, range });
});
