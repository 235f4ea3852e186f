/** What memory a running node has: as the kernel counts it, and as the node's own metrics tell it. */
import { readFileSync } from 'node:fs';

/** @throws Error if there is no such process (any more) */
export function rssKiB(pid: number | undefined): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** In use in the main thread's JavaScript heap. @param metrics what the node answers to a scrape */
export function heapKiB(metrics: string): number {
  return Math.round(Number(/^nodejs_heap_size_used_bytes (\d+)$/m.exec(metrics)?.[1]) / 1024);
}
