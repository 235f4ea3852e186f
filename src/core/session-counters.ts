/** What becomes of sealed datagrams: each that comes in is counted under how it ends. */

/** Name, as shown and exported, and what it means. */
export const SESSION_COUNTERS = {
  sealed: 'datagrams sealed: messages, challenges and answers',
  challenged: 'challenges sent',
  challenge_limited: 'challenges not sent, for the rate limit',
  delivered: 'messages delivered',
  held: 'messages held until their session answers a challenge; each is then delivered, replayed or held_dropped as well',
  held_dropped: 'dropped: messages of a session that did not answer in time, or had too many waiting',
  answered: 'challenges received and answered',
  trusted: 'sessions that answered a challenge, or said hello on a stream',
  forgotten: 'sessions forgotten: silent for an hour, or the most silent of too many',
  malformed: 'dropped: no sealed datagram of this version, or not whole',
  foreign_key: 'dropped: sealed under a key that is not in our ring',
  forged: 'dropped: not sealed under the key that it names, or changed on the way',
  stranger_limited:
    'dropped: of a session not known here, while forgeries under such came faster than they are looked at',
  reflected: 'dropped: our own datagram, come back',
  replayed: 'dropped: a message that was received before, or may have been',
  challenge_foreign: 'dropped: a challenge to another session than ours',
  answer_limited: 'dropped: a challenge beyond the rate at which we answer',
  answer_unasked: 'dropped: an answer that no challenge waits for',
} as const;

export type SessionCounter = keyof typeof SESSION_COUNTERS;
export type SessionCounts = Record<SessionCounter, number>;

/** All at zero. */
export function sessionCounts(): SessionCounts {
  return Object.fromEntries(Object.keys(SESSION_COUNTERS).map((name) => [name, 0])) as SessionCounts;
}
