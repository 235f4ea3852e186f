/** Reads a configuration file as plain data. One parser for both forms: JSON is YAML. */
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { visible } from '../../core/visible.js';
import { firstLine, yamlWords } from '../../core/yaml-words.js';
import { PodwireError } from '../../wire/error.js';

/**
 * @throws PodwireError CONFIG: cannot be read, or is neither YAML nor JSON (with line and column)
 */
export function readConfigFile(file: string): unknown {
  const text = readText(file);
  const document = parseDocument(text, { prettyErrors: true, logLevel: 'error' });
  const problems = [...document.errors, ...document.warnings].map((problem) => {
    const [at] = problem.linePos ?? [];
    return `${file}${at ? `:${at.line}:${at.col}` : ''}: ${visible(yamlWords(problem, text))}`;
  });
  if (problems.length > 0) throw new PodwireError('CONFIG', problems.join('\n'));
  try {
    return document.toJS();
  } catch (error) {
    throw new PodwireError('CONFIG', `${file}: ${visible(firstLine((error as Error).message))}`, { cause: error });
  }
}

function readText(file: string): string {
  if (file === '') throw new PodwireError('CONFIG', 'the path of the configuration is empty: name a file');
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
