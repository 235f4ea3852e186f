/**
 * A program for pods: all the traffic of one pod, but for pings.
 *
 * `node pod.js FLOWS`: FLOWS is a JSON array of the `Flow`s that begin here. Prints `listening`; then, for each line that
 * it reads, does what it says (`pause`, `resume`, `report`) and prints one `PodReport` as JSON. It begins paused.
 */
import { createInterface } from 'node:readline';
import type { Flow } from './flows.js';
import { TcpReceiver, TcpSender } from './pod-tcp.js';
import { openUdp, UdpReceiver, UdpSender } from './pod-udp.js';

/** Figures by flow, each by its number: what was sent from here, and what came here. */
export interface PodReport {
  /** Datagrams handed to the kernel. */
  readonly sent: Readonly<Record<string, number>>;
  /** Datagrams that the kernel refused. */
  readonly refused: number;
  readonly udp: Readonly<Record<string, { received: number; duplicates: number; late: number }>>;
  /** Bytes received. */
  readonly tcp: Readonly<Record<string, number>>;
  /** Transfers that ended whole at both ends. */
  readonly completed: number;
  /** Transfers that ended before their time, by error code. */
  readonly broken: Readonly<Record<string, number>>;
  /** Datagrams and transfers with other bytes than were sent. */
  readonly damaged: number;
}

/** Datagrams of one size for UDP that must not be fragmented; bytes. */
const SMALL = 700;
/** Three fragments and more. */
const LARGE = 4_000;
const SMALL_EVERY = 25;
const LARGE_EVERY = 200;

const flows = JSON.parse(process.argv[2]) as Flow[];
const receivers = { udp: new UdpReceiver(), tcp: new TcpReceiver() };
const small = await openUdp(7009, receivers.udp);
const large = await openUdp(7010, receivers.udp);
await receivers.tcp.listen(7008);
const senders = flows.flatMap((flow) => {
  if (flow.kind === 'udp') return new UdpSender(flow, small, SMALL, SMALL_EVERY);
  return flow.kind === 'fragmented' ? new UdpSender(flow, large, LARGE, LARGE_EVERY) : [];
});
const transfers = flows.flatMap((flow) => (flow.kind === 'tcp' ? new TcpSender(flow, 7008) : []));

function report(): PodReport {
  const broken: Record<string, number> = {};
  for (const transfer of transfers) {
    for (const [code, count] of transfer.broken) broken[code] = (broken[code] ?? 0) + count;
  }
  return {
    sent: Object.fromEntries(senders.map(({ flow, sent }) => [flow.id, sent])),
    refused: senders.reduce((sum, { refused }) => sum + refused, 0),
    udp: receivers.udp.report(),
    tcp: Object.fromEntries(receivers.tcp.bytes),
    completed: transfers.reduce((sum, { completed }) => sum + completed, 0),
    broken,
    damaged: receivers.udp.damaged + receivers.tcp.damaged,
  };
}

console.log('listening');
for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'pause') for (const sender of [...senders, ...transfers]) sender.pause();
  if (command === 'resume') {
    receivers.udp.settle();
    for (const sender of [...senders, ...transfers]) sender.resume();
  }
  console.log(JSON.stringify(report()));
}
process.exit();
