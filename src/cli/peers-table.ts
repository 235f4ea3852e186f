/** The peers of a node as a table, for `status` and `peers`. Pure. */
import type { PeerStatus } from '../control/node-api.js';
import { dataPath, warningLines } from './members-table.js';
import type { Look } from './output.js';
import { type Column, tableLines } from './table.js';
import { bytesText, countText, durationText } from './units.js';

const COLUMNS: readonly Column[] = [
  { title: 'PEER', wrap: true },
  { title: 'UNDERLAY', wrap: true },
  { title: 'PODS', wrap: true },
  { title: 'MTU', align: 'right', spare: 3 },
  { title: 'KNOWN BY', spare: 1 },
  { title: 'SENT', align: 'right' },
  { title: 'FRAMES', align: 'right', spare: 2 },
  { title: 'RECEIVED', align: 'right' },
  { title: 'FRAMES', align: 'right', spare: 2 },
  { title: 'DATA PATH', wrap: true },
];

export function peersTable(peers: readonly PeerStatus[], look: Look): string[] {
  const rows = peers.map(
    ({ node, underlays, podCidr, mtu, mtuBy, mtuAgeMs, txBytes, txFrames, rxBytes, rxFrames, data }) => [
      node,
      underlays.join(' '),
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
  const words = peers.map(({ pathWords }) => pathWords);
  return [...tableLines(COLUMNS, rows, look), ...warningLines(words, look)];
}
