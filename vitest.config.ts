import { defineConfig } from 'vitest/config'

/** Tests that start many processes, some of which must answer within a time: one file after the other. */
const withProcesses = [
  'services/gateway/src/{http,pg-port,chaos}/*.test.ts',
  'services/gateway/src/runtime/{docker,process,select-runtime}.test.ts',
  'services/worker/src/main.test.ts',
  'services/worker-postgres/src/*.test.ts',
  'services/worker/src/torture/{kill,durability,bombs,fuzz}.test.ts',
]

const patience = { testTimeout: 20_000, hookTimeout: 60_000 }

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'units',
          include: [
            'packages/*/src/**/*.test.ts',
            'services/{worker,worker-postgres,gateway}/src/**/*.test.ts',
            'services/frontend/{lib,components}/**/*.test.ts',
          ],
          exclude: withProcesses,
          ...patience,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'processes',
          include: withProcesses,
          ...patience,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['services/e2e/src/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
