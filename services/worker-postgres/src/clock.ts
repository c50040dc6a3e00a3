/** Milliseconds of the kernel's monotonic clock, in which deadlines are told. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6
