// Mutation testing of the pure cores: `npm run mutation [-- --mutate src/orders/items/item.ts]`. Results: docs/mutation.md.
const cache = 'node_modules/.cache/mutation'

export default {
  // The pure cores. What needs a database, a network or a browser is tested by the flows in test/, not here.
  mutate: [
    'src/{orders,checkout}/**/!(routes|operations|store|schemas|answer|*.test).ts',
    '!src/checkout/{branding,payment-page,view}/**',
    'src/notifications/{deliveries,signature,subscriptions}/!(routes|operations|store|*.test).ts',
    'src/notifications/address.ts',
    'src/accounts/{cache,scope,secret}.ts',
    'src/accounts/tokens/audience.ts',
    'src/lib/{config,csv,ids,memory,object,schema,statement,time}.ts',
    'src/verify/!(operations|store|*.test).ts',
  ],
  plugins: ['./scripts/mutation/runner.mjs', './scripts/mutation/ignore-schemas.mjs'],
  ignorers: ['schemas'],
  buildCommand:
    'esbuild src/**/*.test.ts --bundle --platform=node --format=esm --packages=external --outdir=built --out-extension:.js=.mjs ' +
    '--alias:node:test=./scripts/mutation/node-test.mjs',
  testRunner: 'cores',
  coverageAnalysis: 'perTest',
  timeoutMS: 10_000,
  concurrency: 1,
  tsconfigFile: 'none',
  ignorePatterns: [
    ...['**', '!src/**', '!test/*.ts', '!scripts/mutation/node-test.mjs'],
    // Needs a database.
    'src/gateways/contract.test.ts',
  ],
  tempDirName: `${cache}/sandbox`,
  reporters: ['clear-text', 'json', 'html'],
  clearTextReporter: { logTests: false, allowColor: false, reportTests: false },
  jsonReporter: { fileName: `${cache}/report.json` },
  htmlReporter: { fileName: `${cache}/report.html` },
  thresholds: { high: 95, low: 90, break: 90 },
}
