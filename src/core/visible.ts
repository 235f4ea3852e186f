/** Text of others in messages of ours: what would break the line is written as an escape. */

/** A file's words in ours: control characters, which would move a terminal's cursor or break a line, are written out. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
