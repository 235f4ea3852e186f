/** Bytes that tell their place, made and checked without keeping them. A prime period: no power of two hides a shift. */

const PERIOD = 65_521;

/** Two periods, so that any stretch up to one period is one slice. */
const PATTERN = Buffer.alloc(2 * PERIOD);
for (let i = 0, state = 1; i < PERIOD; i++) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  PATTERN[i] = state >>> 16;
}
PATTERN.copy(PATTERN, PERIOD, 0, PERIOD);

/** @param key which content @param at first byte's place in it @param length bytes, at most 65,521 */
export function content(key: number, at: number, length: number): Buffer {
  const start = (key * 7919 + at) % PERIOD;
  return PATTERN.subarray(start, start + length);
}

/** Are these bytes what belongs there? */
export function intact(bytes: Buffer, key: number, at: number): boolean {
  for (let done = 0; done < bytes.length; done += PERIOD) {
    const part = bytes.subarray(done, done + PERIOD);
    if (!part.equals(content(key, at + done, part.length))) return false;
  }
  return true;
}
