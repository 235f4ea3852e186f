/** Reads a configuration file as plain data. One parser for both forms: JSON is YAML. */
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { visible } from '../../core/visible.js';
import { PodwireError } from '../../wire/error.js';

/**
 * @throws PodwireError CONFIG: cannot be read, or is neither YAML nor JSON (with line and column)
 */
export function readConfigFile(file: string): unknown {
  const document = parseDocument(readText(file), { prettyErrors: true, logLevel: 'error' });
  const problems = [...document.errors, ...document.warnings].map(({ message, linePos }) => {
    const at = linePos ? `:${linePos[0].line}:${linePos[0].col}` : '';
    return `${file}${at}: ${firstLine(message)}`;
  });
  if (problems.length > 0) throw new PodwireError('CONFIG', problems.join('\n'));
  try {
    return document.toJS();
  } catch (error) {
    throw new PodwireError('CONFIG', `${file}: ${firstLine((error as Error).message)}`, { cause: error });
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const words: Record<string, string> = {
      ENOENT: 'there is no such file',
      EACCES: 'this user may not read it',
      EISDIR: 'is a directory: name the file in it',
    };
    throw new PodwireError('CONFIG', `${file}: ${words[code ?? ''] ?? message}`, { cause: error });
  }
}

/** The parser adds the place to its first line, and the source to more of them: we have said the place already. */
function firstLine(message: string): string {
  return visible(message.split('\n')[0].replace(/ at line \d+, column \d+:?$/, ''));
}
