import 'reflect-metadata';
import { ValidationError, validateSync } from 'class-validator';

type Kind = 'text' | 'integer' | 'boolean' | 'list';

interface SettingInfo {
  readonly property: string;
  readonly env: string;
  readonly kind: Kind;
  readonly description: string;
  readonly shownDefault: string | undefined;
}

const SETTINGS = Symbol('settings');

/** A property read from an environment variable. `shownDefault` is what the documentation shows where the value itself says little. */
export function Setting(env: string, kind: Kind, description: string, shownDefault?: string): PropertyDecorator {
  return (target, property) => {
    const list = (Reflect.getOwnMetadata(SETTINGS, target) as SettingInfo[] | undefined) ?? [];
    list.push({ property: String(property), env, kind, description, shownDefault });
    Reflect.defineMetadata(SETTINGS, list, target);
  };
}

/** Fills a settings class from the environment and validates it. An empty variable counts as not given. */
export function loadSettings<T extends object>(type: new () => T, env: NodeJS.ProcessEnv): T {
  const settings = new type();
  const problems: string[] = [];
  for (const info of settingsOf(type)) {
    const text = env[info.env];
    if (text === undefined || text === '') continue;
    const value = parse(info.kind, text);
    if (value === undefined) problems.push(`${info.env} must be ${info.kind === 'integer' ? 'an integer' : 'true or false'}`);
    else Object.assign(settings, { [info.property]: value });
  }
  for (const error of validateSync(settings)) problems.push(...describe(type, error));
  if (problems.length > 0) throw new Error(`settings: ${problems.join('; ')}`);
  return settings;
}

/** Does the work; if it fails, the error names the setting that the operator has to look at. */
export async function naming<T>(env: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(`${env}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function parse(kind: Kind, text: string): string | number | boolean | string[] | undefined {
  switch (kind) {
    case 'text':
      return text;
    case 'integer':
      return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'list':
      return text.split(',').map((part) => part.trim()).filter((part) => part !== '');
  }
}

function describe(type: new () => object, error: ValidationError): string[] {
  const env = settingsOf(type).find((info) => info.property === error.property)?.env ?? error.property;
  return Object.values(error.constraints ?? {}).map((text) => text.replaceAll(error.property, env));
}

function settingsOf(type: new () => object): readonly SettingInfo[] {
  return (Reflect.getMetadata(SETTINGS, type.prototype as object) as SettingInfo[] | undefined) ?? [];
}

/** The documentation's table of settings, from the class itself. */
export function settingsTable<T extends object>(type: new () => T): string {
  const defaults = new type() as Record<string, unknown>;
  const rows = settingsOf(type).map((info) => {
    const value = info.shownDefault ?? shown(defaults[info.property]);
    return `| \`${info.env}\` | ${value} | ${info.description} |`;
  });
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

function shown(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return 'none';
  return `\`${String(value)}\``;
}
