/** A Unix socket's file outlives a process that was killed; it is removed only when nobody answers on it. */
import { lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { PodwireError } from '../wire/error.js';

/**
 * Makes the path free for a new socket.
 * @throws PodwireError RUNNING: somebody answers there; MACHINE: what is there is no socket. Nothing was changed.
 */
export async function clearStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) {
    throw new PodwireError(
      'MACHINE',
      `${path} is there already and is no socket: nothing was changed; remove it, or choose another with --socket`,
    );
  }
  if (await answers(path)) {
    throw new PodwireError(
      'RUNNING',
      `a podwire runs already and answers on ${path}: nothing was changed; end it with podwire down, or choose another --socket`,
    );
  }
  unlinkSync(path);
}

/** Whether a process accepts connections there. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // ECONNREFUSED: no process holds it. ENOENT: gone meanwhile. EAGAIN: its queue is full, so somebody does.
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}
