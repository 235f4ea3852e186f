/** docs/cli.md, made from the commands' own --help. */
import type { Command } from 'commander';

const WIDTH = 100;

export function commandReference(program: Command): string {
  const parts = program.commands.map((command) => `## podwire ${command.name()}\n\n${block(helpOf(command))}`);
  return `# Commands

<!-- Made from the commands' --help by \`npm run docs\`. Do not edit. -->

${block(helpOf(program))}

${parts.join('\n\n')}
`;
}

/** What --help prints, whatever terminal this is. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    ...command.configureOutput(),
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}

function block(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}
