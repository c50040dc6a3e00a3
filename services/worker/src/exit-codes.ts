/**
 * How a worker ends. The numbers are those of sysexits.h where one fits.
 *
 * A worker that dies by its watchdog has no code: SQL still runs on another thread, which `exit` would wait
 * for, so it is ended by SIGKILL (137), or by SIGABRT where it is process 1 and immune to that (134 or 139).
 */
export const EXIT = {
  /** Asked to stop; everything acknowledged is in the main file. */
  stopped: 0,
  /** A fault of the worker itself; the log has the error. */
  failed: 1,
  /** The database file cannot be opened or is not a database. */
  databaseUnusable: 65,
  /** Another worker holds this folder. */
  folderInUse: 75,
  /** More than the worker's own folder can be seen. */
  seesTooMuch: 77,
  /** The environment or the folder does not fit the launch contract. */
  configInvalid: 78,
} as const

/** Ends the start of a worker with a code and a sentence for the log. */
export class StartError extends Error {
  readonly exitCode: number
  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StartError'
    this.exitCode = exitCode
  }
}
