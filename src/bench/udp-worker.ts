/** A thread for datagrams: opens its socket, tells its port, does its work, tells what came of it. */
import { parentPort, workerData } from 'node:worker_threads';
import { findSystemCalls } from '../os/native.js';
import { DatagramHeader } from './datagram.js';
import type { PortOptions } from './datagram-port.js';
import { DgramPort } from './dgram-port.js';
import { NativePort } from './native-port.js';
import { doUdpWork, type UdpReport, type UdpWork } from './udp-work.js';

export interface UdpStart {
  readonly port: PortOptions;
  readonly token: string;
  readonly id: number;
  readonly work: UdpWork;
  /** `SHARED_WORDS` words (udp-work.ts). */
  readonly shared: Int32Array;
}

export type UdpMessage =
  | { readonly kind: 'open'; readonly port: number }
  | { readonly kind: 'report'; readonly report: UdpReport };

const start = workerData as UdpStart;
const found = findSystemCalls();
const port = found.by === 'none' ? await DgramPort.open(start.port) : new NativePort(found.system, start.port);
tell({ kind: 'open', port: port.port });
const report = await doUdpWork(port, new DatagramHeader(start.token, start.id), start.work, start.shared);
port.close();
tell({ kind: 'report', report });

function tell(message: UdpMessage): void {
  parentPort?.postMessage(message);
}
