/**
 * The house's import rules (ARCHITECTURE.md, "Who may import whom"), as lint errors.
 * `ROOMS` is the whole truth: an edge that is not written here fails `npm run lint`.
 */
const BASE = ['kernel'];
const PORTS = ['archive', 'strategy', 'tables', 'storage', 'notifications', 'auth', 'maintenance', 'http', 'database', 'telemetry'];
const ENGINES = [...BASE, ...PORTS, 'jobs'];
const ROOMS = {
  kernel: [],
  ...Object.fromEntries(PORTS.map((room) => [room, BASE])),
  maintenance: [...BASE, 'http', 'tables'],
  jobs: [...BASE, 'database', 'notifications', 'telemetry'],
  backup: ENGINES,
  restore: [...ENGINES, 'backup'],
  protection: [...ENGINES, 'backup'],
  catalogue: [...ENGINES, 'backup', 'restore'],
  progress: [...ENGINES, 'backup', 'restore'],
  'dead-letters': [...ENGINES, 'backup'],
  agent: [...ENGINES, 'backup', 'restore'],
  gateway: ['kernel'],
  cli: ['kernel', 'archive', 'storage'],
};

const roomRules = Object.entries(ROOMS).map(([room, allowed]) => ({
  name: `room-${room}`,
  severity: 'error',
  comment: `src/${room} may import only: ${allowed.join(', ') || 'nothing'}${room === 'gateway' || room === 'cli' ? ' and the public surface src/index.ts' : ''}. Invert the dependency (declare a port) or move the code to the room it belongs to.`,
  from: { path: `^src/${room}/` },
  to: {
    path: '^(src|migrations|test|bench)/',
    pathNot: [`^src/${room}/`, ...allowed.map((name) => `^src/${name}/`), ...(room === 'gateway' || room === 'cli' ? ['^src/index\\.ts$'] : []), ...(['database', 'tables'].includes(room) ? ['^migrations/'] : [])],
  },
}));

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'rooms-have-one-door',
      severity: 'error',
      comment: "Another room is entered through its door, its index.ts (adapters: also the adapter folder's index.ts, from its own room's module).",
      from: { path: '^src/([^/]+)/' },
      to: { path: '^src/([^/]+)/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$'] },
    },
    {
      name: 'front-door-uses-doors',
      severity: 'error',
      comment: "The plugin's own files in src/ (index.ts, backup-restore.*.ts) put the rooms together: through their doors, too.",
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/[^/]+/', pathNot: '^src/[^/]+/index\\.ts$' },
    },
    {
      name: 'plugin-knows-no-host',
      severity: 'error',
      comment: 'The gateway and the command line are hosts of the plugin like anybody else: the plugin never imports them.',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/(gateway|cli)/' },
    },
    {
      name: 'pure-core',
      severity: 'error',
      comment: 'kernel, archive and the engines import neither Nest nor TypeORM, so that they can be read, tested and fuzzed alone.',
      from: { path: '^src/(kernel/|archive/|(backup|restore)/engine/)', pathNot: '\\.module\\.ts$' },
      to: { path: '^node_modules/(@nestjs|typeorm)/' },
    },
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'A cycle means that two files are one thing, or that a port is missing.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-test-code-in-product',
      severity: 'error',
      comment: 'The product never imports its tests, benchmarks or demo.',
      from: { path: '^(src|migrations)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^(test|bench|demo)/' },
    },
    {
      name: 'no-development-dependencies-in-product',
      severity: 'error',
      comment: 'What only tests and tools are installed for is not there when the product runs.',
      from: { path: '^(src|migrations)/', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.spec\\.ts$' },
  },
};
