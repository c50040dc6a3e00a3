import type { Logger } from 'pino'

/** A terminal and npm both pass on one Ctrl-C; what comes this soon after is the same signal. */
const SAME_SIGNAL_MS = 500

export interface StopOptions {
  readonly log: Logger
  /** The longest a graceful stop may take. */
  readonly graceMs: number
  readonly stop: () => Promise<void>
}

/** SIGTERM and SIGINT stop gracefully, a second one at once; so does what nothing caught, with exit code 1. */
export function stopOnSignals({ log, graceMs, stop }: StopOptions): void {
  let stoppingSince: number | undefined
  const begin = (exitCode: number) => {
    stoppingSince = performance.now()
    setTimeout(() => exitLate(log), graceMs).unref()
    stop().then(
      () => process.exit(exitCode),
      (error: unknown) => {
        log.fatal({ err: error }, 'could not stop cleanly')
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stoppingSince === undefined) {
        log.info({ signal }, 'stopping')
        begin(0)
      } else if (performance.now() - stoppingSince > SAME_SIGNAL_MS) process.exit(1)
    })
  const crash = (error: unknown) => {
    log.fatal({ err: error }, 'unexpected error; stopping')
    if (stoppingSince === undefined) begin(1)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
}

function exitLate(log: Logger): void {
  log.fatal('the time to stop is over')
  process.exit(1)
}
