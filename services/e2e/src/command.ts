import { execFile } from 'node:child_process'

const OUTPUT_BYTES = 64 * 2 ** 20

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a program from the root of the checkout and gives what it printed; throws with all of it if it fails. */
export function command(program: string, args: readonly string[], options: CommandOptions = {}) {
  return new Promise<string>((resolve, reject) => {
    const env = { ...process.env, ...options.env }
    execFile(
      program,
      args,
      { cwd: repository, env, maxBuffer: OUTPUT_BYTES },
      (error, out, problems) => {
        if (error) reject(new Error(`${program} ${args.join(' ')}\n${out}\n${problems}`))
        else resolve(out)
      },
    )
  })
}

/** The root of the checkout. */
export const repository = new URL('../../../', import.meta.url).pathname
