import type { Locator, Page } from 'playwright-core'

/** What a person does in the dashboard, in the words that person sees. */

export async function signIn(page: Page, token: string): Promise<void> {
  await page.goto('/sign-in')
  await enterToken(page, token)
  await page.getByRole('heading', { name: 'Databases', exact: true }).waitFor()
  await live(page)
}

export async function enterToken(page: Page, token: string): Promise<void> {
  const field = page.getByLabel('Admin token')
  await field.waitFor()
  // A form that is sent before its script runs is sent by the browser, to nobody.
  await page.waitForLoadState('networkidle')
  await field.fill(token)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** The page's scripts run, and changes reach it. */
export async function live(page: Page): Promise<void> {
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor({ state: 'attached' })
}

export function databaseRow(page: Page, name: string, state = ''): Locator {
  return page.getByRole('row', { name: new RegExp(`^${name} ${state}`) })
}

export async function openSpawnDialog(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'Spawn database' }).click()
  const dialog = page.getByRole('dialog', { name: 'Spawn a database' })
  await dialog.waitFor()
  return dialog
}

export async function chooseEngine(
  form: Page | Locator,
  name: 'SQLite' | 'PostgreSQL',
): Promise<void> {
  await form.getByRole('radio', { name }).check()
}

/** On the overview of a PostgreSQL database. What comes back is where the password is shown. */
export async function makeNewPassword(page: Page, role: 'owner' | 'reader'): Promise<Locator> {
  await page.getByRole('button', { name: 'New password…' }).click()
  await page.getByLabel('Role').selectOption(role)
  await page.getByRole('button', { name: 'Make a new password' }).click()
  const shown = page.getByRole('region', { name: 'New password' })
  await shown.waitFor()
  return shown
}

export async function openMenu(page: Page, name: string): Promise<Locator> {
  await page.getByRole('button', { name: `Actions of ${name}` }).click()
  const menu = page.getByRole('menu', { name: `Actions of ${name}` })
  await menu.waitFor()
  return menu
}

export async function openJobsTray(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: /^Jobs/ }).click()
  const tray = page.getByRole('dialog', { name: 'Jobs' })
  await tray.waitFor()
  return tray
}

export async function openDeleteDialog(page: Page, name: string): Promise<Locator> {
  const menu = await openMenu(page, name)
  await menu.getByRole('menuitem', { name: 'Delete…' }).click()
  const dialog = page.getByRole('dialog', { name: `Delete ${name}` })
  await dialog.waitFor()
  return dialog
}

/** Writes the text into the console and runs the statement at its end. */
export async function runSql(page: Page, text: string): Promise<void> {
  // By the keys, as people do: text that is put in the place of other text can keep the look of that.
  await page.getByRole('textbox', { name: 'SQL editor' }).press('ControlOrMeta+a')
  await page.keyboard.press('Delete')
  await page.keyboard.insertText(text)
  await page.getByRole('button', { name: 'Run', exact: true }).click()
}
