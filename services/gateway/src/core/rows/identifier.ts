import { AppError } from '../app-error.ts'

/** An SQL identifier. SQLite reads SQL only up to a NUL, so a name cannot hold one. */
export function quote(name: string): string {
  if (name.includes('\0'))
    throw new AppError('request.invalid', 'A name cannot hold a NUL character')
  return `"${name.replaceAll('"', '""')}"`
}
