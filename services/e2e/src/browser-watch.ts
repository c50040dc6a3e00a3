import type { Page } from 'playwright-core'

interface Refusal {
  readonly status: number
  readonly path: string
}

/** Notes what must never happen on a page, whatever is done there. */
export interface Watch {
  /** The browser writes a line for each answer of 400 and above; this one is meant to come. */
  readonly expectRefusal: (status: number, path: string) => void
  readonly problems: string[]
}

export async function watch(page: Page, origin: string): Promise<Watch> {
  const problems: string[] = []
  const expected: Refusal[] = []
  const host = new URL(origin).host
  const checkAddress = (address: string) => {
    const url = new URL(address)
    if (!['data:', 'blob:', 'about:'].includes(url.protocol) && url.host !== host)
      problems.push(`request to another origin: ${address}`)
  }
  page.on('request', (request) => checkAddress(request.url()))
  page.on('websocket', (socket) => checkAddress(socket.url()))
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack ?? error.message}`))
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return
    const status = /^Failed to load resource: .* status of (\d+)/.exec(message.text())?.[1]
    const { url } = message.location()
    const meant = expected.some(
      (refusal) => String(refusal.status) === status && new URL(url).pathname === refusal.path,
    )
    if (!meant) problems.push(`console ${message.type()}: ${message.text()} (${url})`)
  })
  await page.exposeFunction('noteViolation', (what: string) => {
    problems.push(`content security policy: ${what}`)
  })
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      const { noteViolation } = globalThis as unknown as { noteViolation: (what: string) => void }
      noteViolation(`${violatedDirective} ${blockedURI}`)
    })
  })
  return {
    problems,
    expectRefusal: (status, path) => {
      expected.push({ status, path })
    },
  }
}
