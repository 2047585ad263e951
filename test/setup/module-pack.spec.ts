import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

describe('a pack of modules', () => {
  let folder: string;
  let module: string;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'pack-')));
    module = join(folder, 'module.ts');
    await writeFile(join(folder, 'main.ts'), `import { word } from './module';\nprocess.stdout.write(word);\n`);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const write = (word: string): Promise<void> => writeFile(module, `export const word: string = '${word}';\n`);
  const printed = async (environment: Record<string, string>): Promise<string> => {
    const args = ['-r', join(__dirname, 'swc-register.js'), join(folder, 'main.ts')];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH: process.env.PATH, ...environment } });
    return stdout;
  };

  it('is what a process loads from, but for what was changed since', async () => {
    const pack = join(folder, 'pack');
    await write('first');
    await utimes(module, 1000, 1000);
    expect(await printed({ MODULE_PACK_OUT: pack })).toBe('first');
    await write('other');
    expect(await printed({ MODULE_PACK: pack })).toBe('other');
    // Nothing tells this from the file that was packed.
    await utimes(module, 1000, 1000);
    expect(await printed({ MODULE_PACK: pack })).toBe('first');
    await write('longer');
    expect(await printed({ MODULE_PACK: pack })).toBe('longer');
  });
});
