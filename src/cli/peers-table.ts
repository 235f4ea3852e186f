/** The peers of a node as a table, for `status` and `peers`. Pure. */
import type { PeerStatus } from '../control/node-api.js';
import { dataPath } from './members-table.js';
import type { Look } from './output.js';
import { type Column, tableLines } from './table.js';
import { bytesText, countText, durationText } from './units.js';

const COLUMNS: readonly Column[] = [
  { title: 'PEER', wrap: true },
  { title: 'UNDERLAY' },
  { title: 'PODS', wrap: true },
  { title: 'MTU', align: 'right' },
  { title: 'KNOWN BY' },
  { title: 'SENT', align: 'right' },
  { title: 'FRAMES', align: 'right' },
  { title: 'RECEIVED', align: 'right' },
  { title: 'FRAMES', align: 'right' },
  { title: 'DATA PATH' },
];

export function peersTable(peers: readonly PeerStatus[], look: Look): string[] {
  const rows = peers.map(
    ({ node, underlay, podCidr, mtu, mtuBy, mtuAgeMs, txBytes, txFrames, rxBytes, rxFrames, data }) => [
      node,
      underlay,
      podCidr.join(' '),
      String(mtu),
      mtuBy === 'link' ? mtuBy : `${mtuBy}, ${durationText(mtuAgeMs)}`,
      bytesText(txBytes),
      countText(txFrames),
      bytesText(rxBytes),
      countText(rxFrames),
      dataPath(data),
    ],
  );
  const words = peers.flatMap(({ pathWords }) => (pathWords === undefined ? [] : [`! ${pathWords}`]));
  return [...tableLines(COLUMNS, rows, look), ...(words.length > 0 ? ['', ...words] : [])];
}
