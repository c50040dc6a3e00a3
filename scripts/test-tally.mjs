// A vitest reporter that counts, and that keeps why tests were skipped.

/** What a test or a suite around it is named when something that it needs is absent: "Docker: skipped, since …". */
const REASON = /: skipped, since (.+)$/s

export class TestTally {
  passed = 0
  failed = 0
  skipped = 0
  /** @type {Map<string, number>} tests by why they were skipped */
  reasons = new Map()

  onTestRunEnd(modules, unhandledErrors) {
    this.failed += unhandledErrors.length
    for (const module of modules) {
      for (const suite of [module, ...module.children.allSuites()])
        if (suite.errors().length > 0) this.failed++
      for (const test of module.children.allTests()) this.#count(test)
    }
  }

  #count(test) {
    const { state, note } = test.result()
    const around = ancestors(test)
    // A suite that is skipped in a skipped suite leaves its tests as they were.
    const isLeftOut = state === 'skipped' || around.some(({ options }) => options?.mode === 'skip')
    if (state === 'passed') this.passed++
    else if (isLeftOut && !around.some(isBroken)) this.#skip(test, note)
    else this.failed++
  }

  #skip(test, note) {
    this.skipped++
    const told = [test, ...ancestors(test)].find(({ name }) => name && REASON.test(name))
    const reason = note ?? told?.name.match(REASON)[1] ?? `no reason given: ${test.fullName}`
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1)
  }
}

/** The suites around a test, and its file. */
function ancestors({ parent }) {
  return parent ? [parent, ...ancestors(parent)] : []
}

/** Tests whose preparation failed did not run, which is no skipping. */
function isBroken(suite) {
  return suite.errors().length > 0
}
