// `npm test`: installs, builds and checks what has changed, then runs every test. Arguments narrow it to files of such
// names. With DBFORGE_TEST_REQUIRE_ALL=1 a skipped test is a failure.
import { spawnSync } from 'node:child_process'
import { ensureBuilt, root } from './build.mjs'
import { TestTally } from './test-tally.mjs'

const filters = process.argv.slice(2)
process.chdir(root)
await ensureBuilt()

const checks = [['check'], ['check', '--workspace=services/frontend']]
const failedChecks = filters.length > 0 ? [] : checks.filter((check) => !passes(check))

const { startVitest } = await import('vitest/node')
const tally = new TestTally()
const vitest = await startVitest('test', filters, { run: true, reporters: ['default', tally] })
await vitest.close()

for (const check of failedChecks) console.log(`Failed: npm run ${check.join(' ')}`)
if (tally.skipped > 0) console.log('Skipped:')
for (const [reason, count] of tally.reasons) console.log(`  ${count} × ${reason}`)
const failed = tally.failed + failedChecks.length
console.log(`${tally.passed} passed, ${failed} failed, ${tally.skipped} skipped`)

const wanting = process.env.DBFORGE_TEST_REQUIRE_ALL === '1' && tally.skipped > 0
process.exit(failed > 0 || wanting || tally.passed === 0 ? 1 : 0)

function passes(check) {
  console.log(`npm run ${check.join(' ')}`)
  return spawnSync('npm', ['run', '--silent', ...check], { stdio: 'inherit' }).status === 0
}
