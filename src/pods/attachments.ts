/** All the attachments there are, by name. */
import { bridge } from './attach/bridge.js';
import { device } from './attach/device.js';
import { ptp } from './attach/ptp.js';
import type { Attachment } from './attachment.js';
import type { AttachmentName } from './pod-record.js';

export const ATTACHMENT: Readonly<Record<AttachmentName, Attachment>> = { bridge, ptp, device };
