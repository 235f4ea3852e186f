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
    [['--name', 'a/b'], /--name "a\/b" is no network's name/],
    [['--name', ''], /--name "" is no network's name/],
    [['--name', '.hidden'], /--name ".hidden" is no network's name/],
    [['--socket', ''], /--socket is empty/],
    [['--attach', 'device', '--device', ''], /--device is empty/],
    [['--range', '192.0.2.64/27'], /--range goes with --attach macvlan, not with bridge/],
    [['--attach', 'ptp', '--device', 'eth1'], /--device goes with --attach macvlan or device, not with ptp/],
    [['--attach', 'device', '--device', 'eth1', '--gateway', '192.0.2.1'], /--gateway goes with --attach macvlan/],
    [
      ['--attach', 'macvlan', '--range', '192.0.2.64/27', '--masquerade'],
      /--masquerade goes with --attach bridge or ptp or device, not with macvlan/,
    ],
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

t.test('a network whose file another takes is named', async (t) => {
  const folder = temporaryFolder(t);
  const install = async (...options: string[]) =>
    (await cli(['cni', 'install', '--bin-dir', folder, '--conf-dir', folder, ...options])).stdout;
  t.notMatch(await install(), 'replaced');
  t.notMatch(await install('--mtu', '1400'), 'replaced', 'the same network');
  t.match(await install('--name', 'lan-2', '--attach', 'ptp'), /^replaced network podwire \(bridge\)$/m);
  t.match(await install('--name', 'lan-2'), /^replaced network lan-2 \(ptp\)$/m);
  writeFileSync(join(folder, '10-podwire.conflist'), 'no JSON');
  t.notMatch(await install(), 'replaced');
});
