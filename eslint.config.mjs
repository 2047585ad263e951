import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** What the console uses of a browser: storage is not among it. */
const BROWSER_GLOBALS = [
  'AbortController', 'AbortSignal', 'crypto', 'document', 'DOMException', 'Event', 'EventTarget', 'fetch', 'history', 'location',
  'performance', 'TextDecoderStream', 'URL', 'URLSearchParams', 'addEventListener', 'setTimeout', 'clearTimeout',
];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'test/fixtures/', 'assembly/*.ts'] },
  eslint.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.property.name='pipe'][arguments.length=1][callee.object.type!='CallExpression']",
          message: 'A bare .pipe() loses errors: use pipeline from node:stream/promises.',
        },
      ],
    },
  },
  {
    files: ['**/*.js', '**/*.cjs'],
    ignores: ['src/gateway/console/assets/**'],
    languageOptions: { globals: { module: 'writable', require: 'readonly', process: 'readonly', __dirname: 'readonly', console: 'readonly' } },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // Runs in browsers.
    files: ['src/gateway/console/assets/**/*.js'],
    languageOptions: {
      sourceType: 'module',
      globals: Object.fromEntries(BROWSER_GLOBALS.map((name) => [name, 'readonly'])),
    },
    rules: {
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'localStorage', 'sessionStorage', 'cookie'].map((property) => ({
          property,
          message: 'The console makes no HTML of texts and keeps nothing in the browser.',
        })),
      ],
    },
  },
);
