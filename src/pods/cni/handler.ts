/** CNI 1.1, sections 2 and 5: a runtime's words in, what the plugin prints out. Never throws. */
import type { CniCall, CniReply } from '../../control/node-api.js';
import { messageOf } from '../../wire/error.js';
import type { PodNetwork } from '../network.js';
import { CNI, CniError } from './error.js';
import { type CniRequest, readRequest, versionIn } from './request.js';
import { appendResult, writeResult } from './result.js';
import { CNI_VERSIONS } from './version.js';

/** @param pods undefined: the node is starting */
export async function handleCni(pods: PodNetwork | undefined, words: CniCall): Promise<CniReply> {
  try {
    const request = readRequest(words);
    const answer = await answerTo(pods, request);
    return { ok: true, body: answer === undefined ? '' : `${JSON.stringify(answer)}\n` };
  } catch (error) {
    return { ok: false, body: `${JSON.stringify(writeError(error, versionIn(words.config)))}\n` };
  }
}

async function answerTo(pods: PodNetwork | undefined, request: CniRequest): Promise<object | undefined> {
  if (request.command === 'VERSION') {
    return { cniVersion: request.network.version, supportedVersions: CNI_VERSIONS };
  }
  if (!pods) {
    const code = request.command === 'STATUS' ? CNI.UNAVAILABLE : CNI.TRY_AGAIN;
    throw new CniError(code, 'podwire is starting: try again in a moment; nothing was changed');
  }
  switch (request.command) {
    case 'STATUS':
      await pods.status();
      return undefined;
    case 'ADD': {
      const own = await pods.add(request.network, request.attachment);
      return writeResult(appendResult(request.network.previous, own), request.network.version);
    }
    case 'DEL':
      await pods.del(request.attachment);
      return undefined;
    case 'CHECK':
      await pods.check(request.network, request.attachment);
      return undefined;
    case 'GC':
      await pods.gc(request.network);
      return undefined;
  }
}

function writeError(error: unknown, cniVersion: string): object {
  if (error instanceof CniError) {
    return {
      cniVersion,
      code: error.code,
      msg: error.message,
      ...(error.details !== undefined && { details: error.details }),
    };
  }
  return { cniVersion, code: CNI.IO, msg: messageOf(error) };
}
