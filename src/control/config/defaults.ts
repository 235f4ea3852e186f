/** What holds if nobody says otherwise. Apart, so that a client need not load the schema. */
export const DEFAULT_SOCKET = '/run/podwire/podwire.sock';
export const DEFAULT_STATE_DIR = '/var/lib/podwire';
export const DEFAULT_DEVICE = 'podwire0';
