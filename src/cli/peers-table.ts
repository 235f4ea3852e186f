/** The peers of a node as a table, for `status` and `peers`. Pure. */
import type { PeerStatus } from '../control/node-api.js';
import { dataPath } from './members-table.js';
import type { Look } from './output.js';
import { type Column, tableLines } from './table.js';
import { bytesText, countText } from './units.js';

const COLUMNS: readonly Column[] = [
  { title: 'PEER', wrap: true },
  { title: 'UNDERLAY' },
  { title: 'PODS', wrap: true },
  { title: 'MTU', align: 'right' },
  { title: 'SENT', align: 'right' },
  { title: 'FRAMES', align: 'right' },
  { title: 'RECEIVED', align: 'right' },
  { title: 'FRAMES', align: 'right' },
  { title: 'DATA PATH' },
];

export function peersTable(peers: readonly PeerStatus[], look: Look): string[] {
  const rows = peers.map(({ node, underlay, podCidr, mtu, txBytes, txFrames, rxBytes, rxFrames, data }) => [
    node,
    underlay,
    podCidr.join(' '),
    String(mtu),
    bytesText(txBytes),
    countText(txFrames),
    bytesText(rxBytes),
    countText(rxFrames),
    dataPath(data),
  ]);
  return tableLines(COLUMNS, rows, look);
}
