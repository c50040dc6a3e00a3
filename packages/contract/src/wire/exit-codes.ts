/** How a worker ends. The numbers are those of sysexits.h where one fits. */
export const EXIT = {
  /** Asked to stop; everything acknowledged is durable. */
  stopped: 0,
  /** A fault of the worker itself; the log has the error. */
  failed: 1,
  /** The data cannot be opened or is no database of this engine. */
  databaseUnusable: 65,
  /** What the engine needs is not on this machine. */
  engineUnavailable: 69,
  /** Another worker holds this folder. */
  folderInUse: 75,
  /** More than the worker's own folder can be seen. */
  seesTooMuch: 77,
  /** The environment or the folder does not fit the launch contract. */
  configInvalid: 78,
} as const
