import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { parseCall } from '../../src/cli/command';
import { COMMANDS } from '../../src/cli/commands';
import { Output } from '../../src/cli/output';

const ROOT = join(__dirname, '../..');
const DOCUMENTS = ['README.md', ...readdirSync(join(ROOT, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))];
const COMMAND = /(?:^|\$\()(?:npx )?magnetodb-backup ([a-z-]+)([^\n]*)/gm;

interface Documented {
  readonly document: string;
  readonly name: string;
  readonly words: string[];
}

/** Every command that a code block of a document runs. */
function documented(): Documented[] {
  return DOCUMENTS.flatMap((document) => {
    const blocks = [...readFileSync(join(ROOT, document), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text ?? '');
    return blocks.flatMap((block) => [...block.matchAll(COMMAND)].map(([, name = '', rest = '']) => ({ document, name, words: wordsOf(rest) })));
  });
}

/** As a shell would, up to what follows the command; what it would put in does not matter. */
function wordsOf(text: string): string[] {
  const own = text.replace(/\$\([^)]*\)/g, 'X').split(/ (?:\||&&|#|<|>)|\)/)[0] ?? '';
  return (own.match(/"[^"]*"|[^\s"]+/g) ?? []).map((word) => word.replaceAll('"', ''));
}

describe('the commands in the documents', () => {
  const nowhere = new Output(new Writable({ write: (_chunk, _encoding, done) => done() }));
  const io = { out: nowhere, err: nowhere, terminal: false, env: {}, cwd: '/', signal: new AbortController().signal };

  it('are many, in several documents', () => {
    expect(documented().length).toBeGreaterThan(25);
    expect(documented().map(({ document }) => document)).toEqual(expect.arrayContaining(['docs/guide.md', 'docs/operations.md', 'docs/cli.md']));
  });

  it.each(documented().map((each) => [`${each.document}: ${each.name} ${each.words.join(' ')}`, each] as const))('%s', (_title, { name, words }) => {
    const command = COMMANDS.find((one) => one.name === name);
    expect(command).toBeDefined();
    // Throws for options, choices and arguments that are none.
    if (command) expect(parseCall(command, words, io).help).toBe(false);
  });
});
