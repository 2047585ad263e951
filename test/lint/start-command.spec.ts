import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const { scripts } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { scripts: { start: string } };
const PROGRAM = 'dist/src/gateway/main.js';
const LOOK = `-p 'JSON.stringify({ options: process.execArgv, malloc: process.env.MALLOC_MMAP_THRESHOLD_ })'`;

/** The command as it stands, but for the program, which looks around instead. */
function lookAround() {
  expect(scripts.start.endsWith(` ${PROGRAM}`)).toBe(true);
  const { stdout, stderr, status } = spawnSync('/bin/sh', ['-c', scripts.start.replace(PROGRAM, LOOK)], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as { options: string[]; malloc: string };
}

describe('npm start', () => {
  it('has garbage collected early and given back, by options that this Node knows', () => {
    const found = lookAround();
    expect(found.options).toEqual(expect.arrayContaining(['--heap-growing-percent=40', '--max-semi-space-size=4']));
    expect(found.malloc).toBe('262144');
  });
});
