import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

// Other programs start here, beside whatever else the machine does: patience is not what is tested.
jest.setTimeout(300_000);

const run = promisify(execFile);
const ROOT = resolve(__dirname, '../..');
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

/** ARCHITECTURE.md, "Who may import whom", written down a second time: not taken from the rules that are tested. */
const PORT_ROOMS = ['archive', 'strategy', 'tables', 'storage', 'notifications', 'auth', 'maintenance', 'http', 'database', 'telemetry'];
const BELOW_ENGINES = ['kernel', ...PORT_ROOMS, 'jobs'];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  ...Object.fromEntries(PORT_ROOMS.map((room) => [room, ['kernel']])),
  maintenance: ['kernel', 'http', 'tables'],
  jobs: ['kernel', 'database', 'notifications', 'telemetry'],
  backup: BELOW_ENGINES,
  restore: [...BELOW_ENGINES, 'backup'],
  protection: [...BELOW_ENGINES, 'backup'],
  catalogue: [...BELOW_ENGINES, 'backup', 'restore'],
  progress: [...BELOW_ENGINES, 'backup', 'restore'],
  'dead-letters': [...BELOW_ENGINES, 'backup'],
  agent: [...BELOW_ENGINES, 'backup', 'restore'],
  gateway: ['kernel'],
  cli: ['kernel', 'archive', 'storage'],
};
const ROOMS = Object.keys(MAY_IMPORT);

/** A broken rule: which, and in which file. */
interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

/** A small tree of its own, judged by the project's rules. A file's text is the list of what it imports. */
class Tree {
  private constructor(private readonly folder: string) {}

  static async make(files: Readonly<Record<string, readonly string[]>>): Promise<Tree> {
    const tree = new Tree(await mkdtemp(join(tmpdir(), 'import-rules-')));
    for (const [file, imports] of Object.entries(files)) {
      const lines = imports.map((from, index) => `import * as m${index} from '${from}';\nexport const v${index} = m${index};\n`);
      await tree.write(file, `${lines.join('')}export const here = 1;\n`);
    }
    await tree.write('tsconfig.json', JSON.stringify({ compilerOptions: { module: 'node16', moduleResolution: 'node16' }, include: ['src'] }));
    await tree.write('package.json', JSON.stringify({ name: 'tree', dependencies: { typeorm: '1', '@nestjs/common': '1' }, devDependencies: { jest: '1' } }));
    for (const name of ['typeorm', '@nestjs/common', 'jest']) {
      await tree.write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
      await tree.write(`node_modules/${name}/index.js`, 'exports.here = 1;\n');
    }
    // The compiler with which imports are read; the rules themselves are the project's file.
    await symlink(join(ROOT, 'node_modules/typescript'), join(tree.folder, 'node_modules/typescript'));
    return tree;
  }

  private async write(file: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.folder, file)), { recursive: true });
    await writeFile(join(this.folder, file), text);
  }

  /** `rule: file` for each violation, sorted. */
  async violations(): Promise<string[]> {
    const rules = join(ROOT, '.dependency-cruiser.js');
    const args = [CRUISER, '--config', rules, '--output-type', 'json', 'src'];
    const { stdout } = await run(process.execPath, args, { cwd: this.folder, maxBuffer: 64 * 1024 * 1024 }).catch(jsonOfFailure);
    const { summary } = JSON.parse(stdout) as { summary: { violations: readonly Violation[] } };
    return [...new Set(summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`))].sort();
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** The JSON reporter exits with the number of errors; its output is whole all the same. */
function jsonOfFailure(error: unknown): { stdout: string } {
  if (error instanceof Error && 'stdout' in error && typeof error.stdout === 'string' && error.stdout !== '') return { stdout: error.stdout };
  throw error;
}

async function violationsOf(files: Readonly<Record<string, readonly string[]>>): Promise<string[]> {
  const tree = await Tree.make(files);
  try {
    return await tree.violations();
  } finally {
    await tree.remove();
  }
}

describe('the import rules', () => {
  it('let each room import exactly the rooms that ARCHITECTURE.md says, and fail on every other edge', async () => {
    const pairs = ROOMS.flatMap((from) => ROOMS.filter((to) => to !== from).map((to) => ({ from, to })));
    const files = Object.fromEntries([
      ...ROOMS.map((room): [string, string[]] => [`src/${room}/index.ts`, []]),
      ...pairs.map(({ from, to }): [string, string[]] => [`src/${from}/needs-${to}.ts`, [`../${to}`]]),
    ]);
    const forbidden = pairs.filter(({ from, to }) => !MAY_IMPORT[from]?.includes(to));
    expect(forbidden.length).toBeGreaterThan(150);
    expect(await violationsOf(files)).toEqual(forbidden.map(({ from, to }) => `room-${from}: src/${from}/needs-${to}.ts`).sort());
  });

  it('fail on every other way round the house', async () => {
    const found = await violationsOf({
      'src/index.ts': ['./backup-restore.module'],
      'src/backup-restore.module.ts': ['./storage', './gateway'],
      'src/entities.ts': ['./storage/inside'],
      'src/kernel/index.ts': [],
      'src/kernel/orm.ts': ['typeorm'],
      'src/archive/nest.ts': ['@nestjs/common'],
      'src/storage/index.ts': [],
      'src/storage/inside.ts': [],
      'src/backup/index.ts': [],
      'src/backup/bypass.ts': ['../storage/inside'],
      'src/backup/engine/orm.ts': ['typeorm'],
      'src/backup/service.ts': ['typeorm', '@nestjs/common', '../storage', './engine/orm'],
      'src/restore/engine/nest.ts': ['@nestjs/common'],
      'src/jobs/one.ts': ['./two'],
      'src/jobs/two.ts': ['./one'],
      'src/jobs/tested.ts': ['../../test/helper'],
      'src/jobs/demonstrated.ts': ['../../demo/main'],
      'src/jobs/tooled.ts': ['jest'],
      'src/jobs/tested.spec.ts': ['../../test/helper', 'jest'],
      'src/gateway/index.ts': [],
      'src/gateway/main.ts': ['../index', '../kernel', '@nestjs/common'],
      'src/gateway/bypass.ts': ['../backup-restore.module'],
      'test/helper.ts': [],
      'demo/main.ts': [],
    });
    expect(found).toEqual(
      [
        'front-door-uses-doors: src/entities.ts',
        'no-circular: src/jobs/one.ts',
        'no-development-dependencies-in-product: src/jobs/tooled.ts',
        'no-test-code-in-product: src/jobs/demonstrated.ts',
        'no-test-code-in-product: src/jobs/tested.ts',
        'plugin-knows-no-host: src/backup-restore.module.ts',
        'pure-core: src/archive/nest.ts',
        'pure-core: src/backup/engine/orm.ts',
        'pure-core: src/kernel/orm.ts',
        'pure-core: src/restore/engine/nest.ts',
        'room-gateway: src/gateway/bypass.ts',
        'room-jobs: src/jobs/tested.ts',
        'rooms-have-one-door: src/backup/bypass.ts',
      ].sort(),
    );
  });

  it('hold for the house as it stands, and are a part of npm run lint', async () => {
    const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: { lint: string } };
    expect(scripts.lint).toContain('depcruise --config .dependency-cruiser.js src migrations');
    const args = [CRUISER, '--config', '.dependency-cruiser.js', 'src', 'migrations', 'demo', 'test'];
    const { stdout } = await run(process.execPath, args, { cwd: ROOT });
    expect(stdout).toContain('no dependency violations found');
  });
});
