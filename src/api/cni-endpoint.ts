/**
 * Where the CNI plugin asks (native/podwire-cni.c, src/api/cni-plugin.ts): the runtime's environment as headers, its standard
 * input as the body. 200: the plugin prints the body and succeeds; 422: it prints the body and fails. Nothing else is
 * ever answered to a call that was understood as one.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { NodeApi } from '../control/node-api.js';
import type { Answer } from './answer.js';

export const CNI_PATH = '/v1/cni';

/** GC names every attachment of the node, and a chain's result goes with each DEL. */
export const CNI_BODY = 1 << 20;

export async function answerCni(node: NodeApi, config: string, headers: IncomingHttpHeaders): Promise<Answer> {
  const text = (name: string) => String(headers[`cni-${name}`] ?? '');
  const { ok, body } = await node.cni({
    command: text('command'),
    containerId: text('containerid'),
    netns: text('netns'),
    ifname: text('ifname'),
    args: text('args'),
    config,
  });
  return { status: ok ? 200 : 422, type: 'application/json', body };
}
