const count = new Intl.NumberFormat('en')
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })
// Sweden writes dates as ISO does.
const moment = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'medium' })
const clock = new Intl.DateTimeFormat('sv', { timeStyle: 'medium' })

/** `1234567` as `1,234,567`. */
export const formatCount = (value: number) => count.format(value)

/** `1 row`, `1,234 rows`. */
export const formatCountOf = (value: number, one: string, many = `${one}s`) =>
  `${formatCount(value)} ${value === 1 ? one : many}`

/** Bytes in binary units, three digits at most: `0 B`, `1.5 KiB`, `0.993 MiB`, `1 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${short.format(value)} ${units[unit]}`
}

export const formatMebibytes = (mebibytes: number) => formatBytes(mebibytes * 1024 * 1024)

/** A short span: `0.12 ms`, `12.3 ms`, `1.25 s`, `2 min 5 s`. */
export function formatMilliseconds(ms: number): string {
  if (ms < 1) return `${Number(ms.toFixed(2))} ms`
  if (ms < 1000) return `${Number(ms.toFixed(ms < 100 ? 1 : 0))} ms`
  return ms < 60_000 ? `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s` : formatSeconds(ms / 1000)
}

/** A long span, in its two largest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `12 d 4 h`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.floor(seconds)
  const units = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const
  const first = units.findIndex(([value]) => value > 0)
  if (first < 0) return '0 s'
  return units
    .slice(first, first + 2)
    .filter(([value], place) => place === 0 || value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ')
}

/** A moment by the reader's clock: `2026-01-31 13:05:00`. */
export const formatMoment = (iso: string) => moment.format(new Date(iso))
export const formatTimeOfDay = (iso: string) => clock.format(new Date(iso))

/** How long ago, roughly: `just now`, `5 min ago`, `3 d ago`. */
export function formatAgo(iso: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000)
  if (seconds < 45) return 'just now'
  const [size, unit] =
    seconds < 3600
      ? ([60, 'min'] as const)
      : seconds < 86_400
        ? ([3600, 'h'] as const)
        : ([86_400, 'd'] as const)
  return `${Math.max(1, Math.round(seconds / size))} ${unit} ago`
}
