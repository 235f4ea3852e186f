/** What the YAML parser says of a text in words for its author. Pure. */

/** As the parser tells it; `pos` are offsets in the text. */
interface YamlProblem {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, number];
}

/** A key as it is written, from its first character on: quoted, or up to its colon. */
const KEY = /^(?:"((?:\\.|[^"\\])*)"|'((?:''|[^'])*)'|(.*?)(?=\s*(?::\s|:?$|[,}])))/m;

/**
 * One line without a place.
 * @param text what was parsed
 */
export function yamlWords({ code, message, pos }: YamlProblem, text: string): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here, and only one is read: leave it out';
  if (code === 'DUPLICATE_KEY') {
    const [, ...forms] = KEY.exec(text.slice(pos[0])) ?? [];
    return `the key ${forms.find((form) => form !== undefined) ?? ''} is there already: leave out one of them`;
  }
  return firstLine(message);
}

/** The parser adds the place to its first line, and the source to more of them. */
export function firstLine(message: string): string {
  return message.split('\n')[0].replace(/ at line \d+, column \d+:?$/, '');
}
