import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FAILSAFE_SCHEMA, YAMLException, load, mergeTag } from 'js-yaml';
import { Io } from '../command';
import { usageError } from '../exit-codes';
import { CloudValues } from './cloud';

type Mapping = Readonly<Record<string, unknown>>;

/** Every scalar is text: a password of digits stays what it is. */
const SCHEMA = FAILSAFE_SCHEMA.withTags(mergeTag);
const SUFFIXES = ['.yaml', '.yml', '.json'];

/**
 * What `clouds.yaml`, with `secure.yaml` over it, says of a cloud: the keys of `auth` beside the cloud's own.
 * @throws CliError if there is no such file, or no such cloud in it, or it cannot be read; never with what is in it
 */
export async function readCloud(name: string, io: Io): Promise<CloudValues> {
  const clouds = await readFirst('clouds', io.env['OS_CLIENT_CONFIG_FILE'], io);
  if (clouds === undefined) throw usageError(`there is no clouds.yaml in ${searchPath(io).join(', ')} (or OS_CLIENT_CONFIG_FILE)`);
  const secure = await readFirst('secure', io.env['OS_CLIENT_SECURE_FILE'], io);
  const [open, secret] = [clouds, secure].map((file) => cloudIn(file?.content, name));
  if (open === undefined) throw usageError(`${clouds.path} has no cloud ${name}`);
  return { ...flat(open), ...flat(secret ?? {}) };
}

interface ReadFile {
  readonly path: string;
  readonly content: unknown;
}

async function readFirst(name: string, override: string | undefined, io: Io): Promise<ReadFile | undefined> {
  const usual = searchPath(io).flatMap((folder) => SUFFIXES.map((suffix) => join(folder, name + suffix)));
  for (const path of [...(override ? [resolve(io.cwd, override)] : []), ...usual]) {
    const text = await textOf(path);
    if (text !== undefined) return { path, content: parse(path, text) };
  }
  return undefined;
}

/** Where every OpenStack client looks, the first file found wins. */
function searchPath({ env, cwd }: Io): string[] {
  const home = env['HOME'] ? join(env['HOME'], '.config') : undefined;
  const user = [env['XDG_CONFIG_HOME'], home].filter((folder) => folder !== undefined && folder !== '') as string[];
  return [...new Set([cwd, ...user.map((folder) => join(folder, 'openstack')), '/etc/xdg/openstack', '/etc/openstack'])];
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR'].includes(code)) return undefined;
    throw usageError(`${path} cannot be read (${code})`);
  }
}

function parse(path: string, text: string): unknown {
  try {
    return load(text, { schema: SCHEMA });
  } catch (error) {
    // The message shows the place, and with it secrets.
    const line = error instanceof YAMLException && error.mark !== undefined ? `, line ${error.mark.line + 1}` : '';
    throw usageError(`${path} is no YAML${line}`);
  }
}

function cloudIn(content: unknown, name: string): Mapping | undefined {
  const clouds = isMapping(content) ? content['clouds'] : undefined;
  const cloud = isMapping(clouds) && Object.hasOwn(clouds, name) ? clouds[name] : undefined;
  return isMapping(cloud) ? cloud : undefined;
}

/** `auth` has precedence over the same key beside it. The first of several regions is the one. */
function flat(cloud: Mapping): CloudValues {
  const { auth, regions, ...rest } = cloud;
  const first: unknown = Array.isArray(regions) ? regions[0] : undefined;
  const region = isMapping(first) ? first['name'] : first;
  const values = { ...(region === undefined ? {} : { region_name: region }), ...rest, ...(isMapping(auth) ? auth : {}) };
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (typeof value === 'string' ? [[key.replaceAll('-', '_'), value]] : [])),
  );
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
