import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Why a suite that needs it is skipped where there is none. */
export const NO_CHROMIUM = 'there is no Chromium; CHROMIUM_PATH can name one'

/** Where Chromium is, or null where there is none. CHROMIUM_PATH decides alone if it is set. */
export async function findChromium(): Promise<string | null> {
  const told = process.env['CHROMIUM_PATH']
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)
  const candidates = told
    ? [told]
    : ['/usr/bin/chromium', ...folders.flatMap((folder) => NAMES.map((name) => join(folder, name)))]
  for (const path of candidates) if (await isExecutable(path)) return path
  return null
}

export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: FLAGS })
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
