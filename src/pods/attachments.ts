/** All the attachments there are, by name. */
import { BRIDGE } from '../control/desired-host.js';
import { bridge } from './attach/bridge.js';
import { device } from './attach/device.js';
import { macvlan } from './attach/macvlan.js';
import { ptp } from './attach/ptp.js';
import type { Attachment } from './attachment.js';
import type { AttachmentName, PodRecord } from './pod-record.js';

export const ATTACHMENT: Readonly<Record<AttachmentName, Attachment>> = { bridge, ptp, macvlan, device };

/** A pod as the node's routes and packet filters see it: those on the bridge come from there. */
export function onNode(record: PodRecord): PodRecord {
  return record.attach === 'bridge' ? { ...record, device: BRIDGE } : record;
}
