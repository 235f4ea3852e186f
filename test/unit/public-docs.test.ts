/** What users of the library see in their editors: a comment at the head of a file belongs to no export. */
import { join } from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { packageRoot } from './package-root.js';

/** Interfaces that users implement: each of their members is explained, too. */
const IMPLEMENTED = ['DeviceEdge', 'UnderlayEdge'];

/** Names of exports, and of members of what users implement, that have no doc comment. */
function undocumented(entries: readonly string[]): string[] {
  // Nothing is checked here, so what types mean does not matter: the standard library is not read.
  const options = { module: ts.ModuleKind.NodeNext, noLib: true, types: [] };
  const program = ts.createProgram(entries, options);
  const checker = program.getTypeChecker();
  const seen = entries.flatMap((entry) => {
    const file = program.getSourceFile(entry);
    const module = file && checker.getSymbolAtLocation(file);
    if (!module) throw new Error(`${entry} exports nothing`);
    return checker.getExportsOfModule(module).flatMap((exported) => {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const members = IMPLEMENTED.includes(exported.name) ? [...(symbol.members?.values() ?? [])] : [];
      return [
        { name: exported.name, symbol },
        ...members.map((member) => ({ name: `${exported.name}.${member.name}`, symbol: member })),
      ];
    });
  });
  return seen
    .filter(({ symbol }) => symbol.getDocumentationComment(checker).length === 0)
    .map(({ name }) => name)
    .sort();
}

t.test('each export of the library says what it is', async (t) => {
  const entries = ['src/index.ts', 'src/sim/index.ts'].map((file) => join(packageRoot(), file));
  t.strictSame(undocumented(entries), []);
});

t.test('what public signatures speak of has a public name, which declarations of wrappers need', async (t) => {
  const named = {
    'src/index.ts': ['CounterTable', 'ForwardingChange', 'ForwardingReader', 'Neighbourhood', 'PathMtuTable'],
    'src/sim/index.ts': ['Slowness', 'Swim', 'SwimEvent', 'TrafficMeter'],
  };
  for (const [file, names] of Object.entries(named)) {
    const entry = join(packageRoot(), file);
    const program = ts.createProgram([entry], { module: ts.ModuleKind.NodeNext, noLib: true, types: [] });
    const checker = program.getTypeChecker();
    const source = program.getSourceFile(entry);
    const module = source && checker.getSymbolAtLocation(source);
    const exported = module ? checker.getExportsOfModule(module).map(({ name }) => name) : [];
    t.strictSame(
      names.filter((name) => !exported.includes(name)),
      [],
      file,
    );
  }
});

t.test('what says nothing is found', async (t) => {
  const folder = t.testdir({
    'index.ts': "export { Said, silent, type DeviceEdge } from './things.js';\n/** Here. */\nexport const here = 1;",
    'things.ts': `/** At the head of the file. */
import './nothing.js';
/** Said. */
export class Said {}
/** @returns only tags say nothing of it */
export function silent() {}
/** An edge. */
export interface DeviceEdge {
  /** Explained. */
  read(): void;
  close(): void;
}`,
    'nothing.ts': 'export {};',
  });
  t.strictSame(undocumented([join(folder, 'index.ts')]), ['DeviceEdge.close', 'silent']);
});
