/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/src', '<rootDir>/test', '<rootDir>/migrations'],
  testRegex: '\\.(spec|e2e-spec)\\.ts$',
  moduleFileExtensions: ['ts', 'js', 'json'],
  // A foreign host names the package, as package.json's "exports" lets it.
  moduleNameMapper: { '^magnetodb-backup-restore$': '<rootDir>/src/index.ts' },
  // content-disposition (below @fastify/static) is ESM only; Jest's require cannot load that untransformed.
  transformIgnorePatterns: ['/node_modules/(?!content-disposition/)'],
  transform: {
    '^.+\\.(ts|js)$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  runtime: '<rootDir>/test/setup/shared-scripts.js',
  testSequencer: '<rootDir>/test/setup/heavy-first.js',
  globalSetup: '<rootDir>/test/setup/global-setup.js',
  setupFilesAfterEnv: ['<rootDir>/test/setup/second-try.js'],
  globalTeardown: '<rootDir>/test/setup/global-teardown.js',
  // For a machine with much else to do: no test is about time.
  testTimeout: 300000,
  // One more than the cores of a small machine: tests of gateways wait about half of their time, for leases and for other processes.
  maxWorkers: 3,
  reporters: ['default', '<rootDir>/test/setup/summary-reporter.js'],
};
