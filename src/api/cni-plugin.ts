#!/usr/bin/env node
/**
 * The CNI plugin where there is no C compiler: the twin of native/podwire-cni.c, word for word the same to a runtime, and
 * some 40 ms slower. `podwire cni install` chooses.
 */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';

const DEFAULT_SOCKET = '/run/podwire/podwire.sock';
const VERSIONS = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];
const LAST_VERSION = '1.1.0';

/** Codes of the specification. */
const BAD_ENVIRONMENT = 4;
const BAD_INPUT = 6;
const TRY_AGAIN = 11;
const UNAVAILABLE = 50;

/** Bytes of a value of the environment. */
/** `sun_path`, unix(7). */
const MOST_PATH = 107;
const MOST_VALUE = 2048;
/** Without a byte from the agent, ms. */
const PATIENCE = 90_000;

const VARIABLES = ['CNI_COMMAND', 'CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_ARGS'];

interface Answer {
  readonly ok: boolean;
  readonly body: string;
}

async function answer(config: string): Promise<Answer> {
  const { cniVersion = LAST_VERSION, socket } = textsOf(config);
  const failed = (code: number, msg: string): Answer => ({
    ok: false,
    body: `${JSON.stringify({ cniVersion, code, msg })}\n`,
  });
  const command = process.env['CNI_COMMAND'] ?? '';
  if (command === 'VERSION') {
    return { ok: true, body: `${JSON.stringify({ cniVersion, supportedVersions: VERSIONS })}\n` };
  }
  const bad = VARIABLES.find((name) => !isLine(process.env[name] ?? ''));
  if (bad) return failed(BAD_ENVIRONMENT, `no line of at most 2048 bytes: ${bad}`);
  // Garbage may not even say where the agent is.
  if (!/^[ \t\r\n]*\{.*\}[ \t\r\n]*$/s.test(config)) {
    return failed(BAD_INPUT, 'the network configuration on standard input is not a JSON object; nothing was changed');
  }
  // Another agent's socket would be worse than none.
  if (socket === undefined || Buffer.byteLength(socket) > MOST_PATH) {
    return failed(
      BAD_INPUT,
      `socket: a path of at most ${MOST_PATH} bytes without escapes is wanted; nothing was changed`,
    );
  }
  const absent = command === 'STATUS' ? UNAVAILABLE : TRY_AGAIN;
  try {
    const { status, body } = await ask(socket, config);
    if (status === 200 || status === 422) return { ok: status === 200, body };
    return failed(absent, `podwire gave no answer, try again; its socket: ${socket}`);
  } catch {
    return failed(absent, `no podwire answers, is 'podwire up' running? Nothing was changed; its socket: ${socket}`);
  }
}

/**
 * The two texts that concern the plugin; no socket: what stands there is no text. What is no JSON is the agent's to refuse, if
 * its socket can be made out.
 */
function textsOf(config: string): { cniVersion?: string; socket?: string } {
  try {
    const { cniVersion, socket = DEFAULT_SOCKET } = JSON.parse(config) as Record<string, unknown>;
    return {
      ...(typeof cniVersion === 'string' && { cniVersion }),
      ...(typeof socket === 'string' && { socket }),
    };
  } catch {
    return { socket: /"socket"\s*:\s*"([^"\\]*)"/.exec(config)?.[1] ?? DEFAULT_SOCKET };
  }
}

function ask(socketPath: string, config: string): Promise<{ status: number; body: string }> {
  const headers = Object.fromEntries(
    VARIABLES.map((name) => [name.toLowerCase().replace('_', '-'), process.env[name] ?? '']),
  );
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method: 'POST', path: '/v1/cni', headers, agent: false }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    asked.setTimeout(PATIENCE, () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end(config);
  });
}

function isLine(value: string): boolean {
  return (
    Buffer.byteLength(value) <= MOST_VALUE && [...Buffer.from(value)].every((byte) => byte >= 0x20 && byte !== 0x7f)
  );
}

const { ok, body } = await answer(await text(process.stdin));
process.stdout.write(body);
process.exitCode = ok ? 0 : 1;
