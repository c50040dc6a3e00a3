import type { AddressInfo } from 'node:net'
import { composeGateway, type Gateway } from './compose.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { createLogger } from './logger.ts'
import type { OpenPort } from './pg-port/session-port.ts'
import { stopOnSignals } from './stop-signals.ts'
import { DataLockedError } from './store/data-lock.ts'

const EXIT_SETTINGS = 2

async function main(): Promise<void> {
  const config = readConfig(process.env, process.stdout.isTTY)
  const log = createLogger(config)
  const gateway = await composeGateway(config, log)
  stopOnSignals({ log, graceMs: config.stopGraceMs, stop: () => gateway.close() })
  const pgPort = await listen(config, gateway)
  await gateway.start()
  // To stderr where stdout is a log for machines: the token belongs to people alone.
  const banner = config.logFormat === 'pretty' ? process.stdout : process.stderr
  banner.write(greeting(config, gateway, pgPort))
}

/** Nothing is started before the address is ours. */
async function listen(config: Config, gateway: Gateway): Promise<OpenPort | null> {
  try {
    await gateway.app.listen({ host: config.host, port: config.port })
    return await gateway.listenForSessions()
  } catch (error) {
    await gateway.close()
    throw error
  }
}

function greeting(config: Config, gateway: Gateway, pgPort: OpenPort | null): string {
  const { port } = gateway.app.server.address() as AddressInfo
  const url = config.publicUrl ?? `http://${hostForUrl(config.host)}:${port}`
  const lines = [`DB-Forge is ready at ${url}`]
  if (config.dashboardUrl) lines.push(`  dashboard    ${url}/`)
  lines.push(
    `  API          ${url}/docs`,
    ...(pgPort ? [`  PostgreSQL   ${pgPort.host}:${pgPort.port}, with TLS or without`] : []),
    `  workers      ${gateway.runtimeKind}: ${gateway.runtimeReason}`,
  )
  if (gateway.newToken) {
    const header = `-H 'Authorization: Bearer ${gateway.newToken}'`
    lines.push(
      `  admin token  ${gateway.newToken}`,
      `               also in ${gateway.tokenPath}; it is not shown again`,
      '',
      'Spawn a database and query it:',
      `  curl -X POST ${url}/admin/databases/spawn/shop ${header}`,
      `  curl -X POST ${url}/api/db/shop/query ${header} -H 'Content-Type: application/json' -d '{"sql":"select 40 + 2 as answer"}'`,
    )
  } else
    lines.push(`  admin token  ${config.adminToken ? 'as configured' : `in ${gateway.tokenPath}`}`)
  return `\n${lines.join('\n')}\n\n`
}

/** An address that means “any” is none to connect to. */
const hostForUrl = (host: string) => {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}

main().catch((error: unknown) => {
  const { message, stack, code } = error as NodeJS.ErrnoException
  const isOperators =
    error instanceof ConfigError || error instanceof DataLockedError || code === 'EADDRINUSE'
  process.stderr.write(`${isOperators ? message : (stack ?? message)}\n`)
  process.exit(error instanceof ConfigError ? EXIT_SETTINGS : 1)
})
