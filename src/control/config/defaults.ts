/** Where the local API's socket is if nobody says otherwise. Apart, so that a client need not load the schema. */
export const DEFAULT_SOCKET = '/run/podwire/podwire.sock';
