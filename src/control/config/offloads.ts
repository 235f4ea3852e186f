/** The offloads that podwire uses where the kernel has them: each is tested at start, and each has a switch. */
export const OFFLOADS = ['checksum', 'tso', 'uso', 'udpSegment', 'udpGro'] as const;

export type OffloadName = (typeof OFFLOADS)[number];

/** `auto`: used unless its test shows that this kernel breaks it. */
export type OffloadSwitches = Readonly<Record<OffloadName, 'auto' | 'off'>>;
