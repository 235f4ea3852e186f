/** openvpn from point to point, without TLS, cipher and authentication. */
import { device, type Overlay } from './overlay.js';

export const openvpn: Overlay = {
  name: 'openvpn, no cipher',
  program: 'openvpn',
  async start(lab) {
    for (const [i, host] of lab.hosts.entries()) {
      const other = 1 - i;
      const tunnel = ['--dev', 'tun9', '--dev-type', 'tun', '--tun-mtu', '1450', '--mssfix', '0'];
      const ends = ['--local', host.underlay, '--remote', lab.hosts[other].underlay, '--port', '1194'];
      const inside = ['--ifconfig', `10.9.0.${i + 1}`, `10.9.0.${other + 1}`];
      lab.spawn(host, ['openvpn', ...tunnel, ...ends, ...inside, '--cipher', 'none', '--auth', 'none'], {
        stdio: 'ignore',
      });
      await device(lab, i, 'tun9');
    }
    return '10.9.0.2';
  },
};
