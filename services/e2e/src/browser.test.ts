import { readFile } from 'node:fs/promises'
import { AxeBuilder } from '@axe-core/playwright'
import pg from 'pg'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { findChromium, launchChromium, NO_CHROMIUM } from './browser-chromium.ts'
import { makeLedger } from './browser-ledger.ts'
import { makeShop } from './browser-shop.ts'
import {
  chooseEngine,
  databaseRow,
  enterToken,
  live,
  makeNewPassword,
  openDeleteDialog,
  openJobsTray,
  openMenu,
  openSpawnDialog,
  runSql,
  signIn,
} from './browser-steps.ts'
import { settle, views } from './browser-views.ts'
import { type Watch, watch } from './browser-watch.ts'
import { postgresServerAbsence } from './needs.ts'
import { type Product, startProduct } from './product.ts'

const START_MS = 120_000
const TEST_MS = 60_000
const STEP_MS = 20_000
const chromiumPath = await findChromium()
const endless =
  'with recursive n(i) as (values (1) union all select i + 1 from n) select count(*) from n'

describe.skipIf(!chromiumPath)(
  chromiumPath ? 'dashboard' : `dashboard: skipped, since ${NO_CHROMIUM}`,
  { timeout: TEST_MS },
  () => {
    let product: Product
    let browser: Browser
    beforeAll(async () => {
      if (!chromiumPath) return
      product = await startProduct()
      browser = await launchChromium(chromiumPath)
    }, START_MS)
    afterAll(async () => {
      await browser?.close()
      await product?.stop()
    }, START_MS)

    /** A page of a browser of its own that is watched: at the end of the test nothing bad may have been seen. */
    async function newPage() {
      const context = await browser.newContext({ baseURL: product.url })
      const page = await context.newPage()
      page.setDefaultTimeout(STEP_MS)
      const watched = await watch(page, product.url)
      onTestFinished(async () => {
        const readable = page.url().startsWith(product.url) ? await readableByScript(page) : ''
        await context.close()
        await product.deleteAllDatabases()
        expect(watched.problems).toEqual([])
        expect(readable).not.toContain(product.token)
      })
      return { context, page, watched }
    }

    async function signedIn() {
      const opened = await newPage()
      await signIn(opened.page, product.token)
      return opened
    }

    test('a wrong token is refused with a reason, the right one opens the databases', async () => {
      const { page, watched } = await newPage()
      watched.expectRefusal(401, '/admin/session')
      await page.goto('/sign-in')
      await enterToken(page, 'wrong token, wrong token')
      await page.getByText('The token is not valid').first().waitFor()
      await enterToken(page, product.token)
      await page.getByRole('heading', { name: 'Databases', exact: true }).waitFor()
    })

    test('no script can read the token or the session', async () => {
      const { context, page } = await signedIn()
      const cookies = await context.cookies()
      expect(cookies).toEqual([expect.objectContaining({ httpOnly: true, sameSite: 'Strict' })])
      const readable = await readableByScript(page)
      expect(readable).not.toContain(product.token)
      expect(readable).not.toContain(cookies[0]?.value)
      expect(await page.evaluate(() => document.cookie)).toBe('')
    })

    test('where there is no database, the first one is spawned on the page itself', async () => {
      const { page } = await signedIn()
      await page.getByRole('heading', { name: 'Spawn the first database' }).waitFor()
      await page.getByLabel('Name', { exact: true }).fill('first')
      await page.getByRole('button', { name: 'Spawn database' }).click()
      await databaseRow(page, 'first', 'running').waitFor()
    })

    test('a database spawned through the dialog is seen to run', async () => {
      const { page } = await newPage()
      await product.client.databases.spawn({ params: { name: 'neighbour' } })
      await signIn(page, product.token)
      const dialog = await openSpawnDialog(page)
      await dialog.getByLabel('Name', { exact: true }).fill('shop')
      await dialog.getByLabel('Memory, MiB').fill('96')
      await dialog.getByRole('button', { name: 'Spawn database' }).click()
      await databaseRow(page, 'shop', 'running').waitFor()
      await dialog.waitFor({ state: 'detached' })
      const { state, limits } = await product.client.databases.get({ params: { name: 'shop' } })
      expect({ state, memoryMb: limits.memoryMb }).toEqual({ state: 'running', memoryMb: 96 })
    })

    test('the console shows the rows of a statement', async () => {
      const { page } = await withShop()
      await openPage(page, 'SQL')
      await runSql(page, 'select 40 + 2 as answer')
      const grid = page.getByRole('grid', { name: 'Rows of the result' })
      await grid.getByRole('columnheader', { name: 'answer' }).waitFor()
      await grid.getByRole('gridcell', { name: '42', exact: true }).waitFor()
      await page.getByText('1 row', { exact: true }).waitFor()
    })

    test('an SQL error is shown with its message, its code and its place', async () => {
      const { page, watched } = await withShop()
      watched.expectRefusal(400, '/api/db/shop/query')
      await openPage(page, 'SQL')
      await runSql(page, 'select 1;\nselect 2,\n  from nothing')
      const results = page.getByRole('region', { name: 'Results' })
      const alert = results.getByRole('alert')
      await alert.getByText('near "from": syntax error').waitFor()
      await alert.getByText('SQLITE_ERROR').waitFor()
      await results.getByText('Line 2, column 3 of the statement').waitFor()
      expect(await page.locator('.cm-lintRange-error').textContent()).toBe('from')
    })

    test('a statement that runs is cancelled in the database, from the console and from the overview', async () => {
      const { page, watched } = await withShop()
      watched.expectRefusal(409, '/api/db/shop/query')
      const running = async () =>
        (await product.client.queries.running({ params: { name: 'shop' } })).items.map(
          ({ by }) => by,
        )
      await openPage(page, 'SQL')
      await runSql(page, endless)
      await expect.poll(running).toEqual(['dashboard'])
      await page.getByRole('button', { name: 'Cancel', exact: true }).click()
      await page.getByText(/^Cancelled after /).waitFor()
      expect(await running()).toEqual([])

      const elsewhere = product.client.queries.query({
        params: { name: 'shop' },
        body: { sql: endless },
      })
      const refused = expect(elsewhere).rejects.toMatchObject({
        problem: { code: 'query.cancelled' },
      })
      await openPage(page, 'Overview')
      await page.getByRole('button', { name: /^Cancel query / }).click()
      await refused
      await page.getByText('Nothing runs.').waitFor()
    })

    test('every row of a truncated result is written as CSV', async () => {
      const { page } = await withShop()
      await openPage(page, 'SQL')
      await runSql(
        page,
        'with recursive n(i) as (values (1) union all select i + 1 from n where i < 20000) select i, i * i as square from n',
      )
      await page.getByText('Truncated at 1,000 rows: there are more.').waitFor()
      const [saved] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'All as CSV' }).click(),
      ])
      const lines = (await readFile(await saved.path(), 'utf8')).trimEnd().split('\r\n')
      expect(lines).toHaveLength(20_001)
      expect([lines[0], lines.at(-1)]).toEqual(['i,square', '20000,400000000'])
    })

    test('what SQL made is browsed as a table', async () => {
      const { page } = await withShop()
      await openPage(page, 'SQL')
      await runSql(page, 'create table note (id integer primary key, body text not null)')
      await page.getByText('0 rows affected', { exact: true }).waitFor()
      await runSql(page, "insert into note (body) values ('first note'), ('second note')")
      await page.getByText(/^2 rows affected/).waitFor()
      await openPage(page, 'Tables')
      await page.getByRole('link', { name: 'note' }).click()
      const grid = page.getByRole('grid', { name: 'Rows of note' })
      await grid.getByRole('gridcell', { name: 'first note' }).waitFor()
      await grid.getByRole('gridcell', { name: 'second note' }).waitFor()
      await page.getByText('Rows 1–2 of 2').waitFor()
    })

    test('a stop by the API is seen without a reload, and undone by a click', async () => {
      const { page } = await withShop()
      await databaseRow(page, 'shop', 'running').waitFor()
      await live(page)
      const document = await documentOf(page)
      await product.client.databases.stop({ params: { name: 'shop' } })
      await databaseRow(page, 'shop', 'stopped').waitFor()
      await page.getByRole('button', { name: 'Start shop' }).click()
      await databaseRow(page, 'shop', 'running').waitFor()
      expect(await documentOf(page)).toBe(document)
      const { state } = await product.client.databases.get({ params: { name: 'shop' } })
      expect(state).toBe('running')
    })

    test('a console whose database was stopped elsewhere says so and offers to start it', async () => {
      const { page } = await withShop()
      await openPage(page, 'SQL')
      await page.getByRole('textbox', { name: 'SQL editor' }).fill('select 7 * 6 as answer')
      await live(page)
      await product.client.databases.stop({ params: { name: 'shop' } })
      await page.getByText('Queries are refused.').waitFor()
      expect(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled()).toBe(true)
      await page.getByRole('button', { name: 'Start it' }).click()
      await page.getByText('Queries are refused.').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'Run', exact: true }).click()
      await page.getByRole('gridcell', { name: '42', exact: true }).waitFor()
    })

    test('a database is deleted only after its name was typed, and then everywhere', async () => {
      const { page } = await withShop()
      const other = await newPage()
      await signIn(other.page, product.token)
      await databaseRow(other.page, 'shop', 'running').waitFor()
      const dialog = await openDeleteDialog(page, 'shop')
      const confirm = dialog.getByRole('button', { name: 'Delete', exact: true })
      await dialog.getByRole('textbox').fill('Shop')
      expect(await confirm.isDisabled()).toBe(true)
      await dialog.getByRole('textbox').fill('shop')
      await confirm.click()
      for (const view of [page, other.page])
        await view.getByRole('heading', { name: 'Spawn the first database' }).waitFor()
      expect((await product.client.databases.list()).items).toEqual([])
    })

    test('a database that sleeps is woken by a statement in its console', async () => {
      const { page } = await withShop()
      const menu = await openMenu(page, 'shop')
      await menu.getByRole('menuitem', { name: 'Sleep' }).click()
      await databaseRow(page, 'shop', 'asleep').waitFor()
      await page.getByLabel('Filter by state').selectOption('running')
      await databaseRow(page, 'shop').waitFor({ state: 'detached' })
      await page.getByLabel('Filter by state').selectOption('asleep')
      await page.getByRole('link', { name: 'shop', exact: true }).click()
      await openPage(page, 'SQL')
      await product.client.databases.sleep({ params: { name: 'shop' } })
      await runSql(page, 'select 40 + 2 as answer')
      await page.getByRole('gridcell', { name: '42', exact: true }).waitFor()
      const { state } = await product.client.databases.get({ params: { name: 'shop' } })
      expect(state).toBe('running')
    })

    test('a deleted database is brought back, by another name where its own is taken', async () => {
      const { page } = await withShop()
      await product.client.queries.query({
        params: { name: 'shop' },
        body: { sql: 'create table kept (x)' },
      })
      const dialog = await openDeleteDialog(page, 'shop')
      await dialog.getByText(/can be had back until \d{4}-\d{2}-\d{2} /).waitFor()
      await dialog.getByRole('textbox').fill('shop')
      await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
      await databaseRow(page, 'shop').waitFor({ state: 'detached' })
      await page.getByRole('link', { name: 'Deleted', exact: true }).click()
      await page.getByRole('row', { name: /^shop .*in 6 d 23 h/ }).waitFor()
      await product.client.databases.spawn({ params: { name: 'shop' } })
      await page.getByRole('button', { name: 'Undelete shop' }).click()
      const back = page.getByRole('dialog', { name: 'Bring shop back' })
      await back.getByText('There is a shop by now').waitFor()
      expect(await back.getByLabel('Name').inputValue()).toBe('shop-2')
      await back.getByRole('button', { name: 'Undelete' }).click()
      await page.getByRole('navigation', { name: 'Pages of shop-2' }).getByText('Tables').click()
      await page.getByRole('link', { name: 'kept' }).waitFor()
      const deleted = await product.client.databases.list({ query: { state: 'deleted' } })
      expect(deleted.items).toEqual([])
    })

    test('what is destroyed at once cannot be had back, and nothing else of its name is lost', async () => {
      const { page } = await withShop()
      await product.client.databases.delete({ params: { name: 'shop' } })
      const again = await product.client.databases.spawn({ params: { name: 'shop' } })
      await databaseRow(page, 'shop', 'running').waitFor()
      await page.goto('/databases/deleted')
      await page.getByRole('button', { name: 'Destroy now: shop' }).click()
      const purge = page.getByRole('dialog', { name: 'Destroy shop' })
      await purge.getByRole('textbox').fill('shop')
      await purge.getByRole('button', { name: 'Destroy for good' }).click()
      await page.getByText('There is nothing to have back.').waitFor()
      await page.getByText('shop has been destroyed').waitFor()
      const { id } = await product.client.databases.get({ params: { name: 'shop' } })
      expect(id).toBe(again.id)
      await page.goto('/databases')
      await live(page)
      const dialog = await openDeleteDialog(page, 'shop')
      await dialog.getByLabel('Destroy the data at once').check()
      await dialog.getByText('This cannot be undone.').waitFor()
      await dialog.getByRole('textbox').fill('shop')
      await dialog.getByRole('button', { name: 'Destroy for good' }).click()
      await page.getByText('shop has been destroyed').waitFor()
      const deleted = await product.client.databases.list({ query: { state: 'deleted' } })
      expect(deleted.items).toEqual([])
    })

    test('a restart is a job that the tray and the page of activity show', async () => {
      const { page } = await withShop()
      await product.client.databases.spawn({ params: { name: 'neighbour' } })
      const menu = await openMenu(page, 'shop')
      await menu.getByRole('menuitem', { name: 'Restart' }).click()
      await page.getByText('shop has been restarted').waitFor()
      const tray = await openJobsTray(page)
      await tray
        .getByRole('listitem')
        .filter({ hasText: /Restart shop.*succeeded/s })
        .waitFor()
      await product.client.databases.restart({ params: { name: 'neighbour' } })
      await tray.getByRole('listitem').filter({ hasText: 'Restart neighbour' }).waitFor()
      await tray.getByRole('link', { name: 'All activity' }).click()
      await page.getByRole('row', { name: /^Restart neighbour .*succeeded/ }).waitFor()
      await page.getByLabel('Filter by state').selectOption('failed')
      await page.getByText('No job has the state “failed”.').waitFor()
    })

    test('figures and the log come over the live connection while the page is seen', async () => {
      const { page } = await withShop()
      const asked: string[] = []
      page.on('request', (request) => asked.push(new URL(request.url()).pathname))
      await openPage(page, 'Overview')
      const log = page.getByRole('log')
      await log.getByText('ready').waitFor()
      await page.getByLabel('Follow').click()
      await expect.poll(() => log.getByText('ready').count()).toBe(1)
      await product.client.databases.restart({ params: { name: 'shop' } })
      await expect.poll(() => log.getByText('ready').count()).toBe(2)
      const before = asked.filter((path) => path.endsWith('/stats')).length
      const uptime = page.getByRole('region', { name: 'Use of resources' }).getByText(/^\d+ s$/)
      const [first, later] = [await uptime.textContent(), () => uptime.textContent()]
      await expect.poll(later, { timeout: 5000 }).not.toBe(first)
      expect(asked.filter((path) => path.endsWith('/stats'))).toHaveLength(before)
      expect(asked.filter((path) => path.endsWith('/logs'))).toHaveLength(1)
    })

    test('signing out ends the session, not only the page', async () => {
      const { context, page } = await signedIn()
      const [session] = await context.cookies()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByRole('heading', { name: 'Sign in to DB-Forge' }).waitFor()
      expect(await context.cookies()).toEqual([])
      const answer = await fetch(`${product.url}/admin/databases`, {
        headers: { cookie: `${session?.name}=${session?.value}` },
      })
      expect(answer.status).toBe(401)
    })

    test('whoever is not signed in is asked to, and then gets the page that was wanted', async () => {
      const { page, watched } = await newPage()
      await product.client.databases.spawn({ params: { name: 'shop' } })
      watched.expectRefusal(401, '/admin/databases/shop')
      watched.expectRefusal(401, '/admin/jobs')
      await page.goto('/db/shop')
      await enterToken(page, product.token)
      await page.getByRole('region', { name: 'Use of resources' }).waitFor()
      expect(new URL(page.url()).pathname).toBe('/db/shop')
    })

    describe.skipIf(postgresServerAbsence)(
      postgresServerAbsence ? `PostgreSQL: skipped, since ${postgresServerAbsence}` : 'PostgreSQL',
      () => {
        test('the password of a spawned database is shown once, and signs in', async () => {
          const { page } = await signedIn()
          await page.getByLabel('Name', { exact: true }).fill('ledger')
          await chooseEngine(page, 'PostgreSQL')
          await page.getByRole('button', { name: 'Spawn database' }).click()
          const dialog = page.getByRole('dialog', { name: 'ledger is running' })
          const url = await revealedUrl(dialog)
          expect(await signedInAs(url)).toBe('owner')
          await dialog.getByRole('link', { name: 'Open the database' }).click()
          await page.getByRole('heading', { name: 'For PostgreSQL clients' }).waitFor()
          const shown = await page.locator('body').innerText()
          expect(shown).toContain(`psql ${withoutPassword(url)}`)
          expect(shown + (await readableByScript(page))).not.toContain(new URL(url).password)
        })

        test('a new password puts the one before out of use', async () => {
          const { page } = await newPage()
          const { credentials } = await product.client.databases.spawn({
            params: { name: 'ledger' },
            body: { engine: 'postgres' },
          })
          await signIn(page, product.token)
          await page.getByRole('link', { name: 'ledger', exact: true }).click()
          const url = await revealedUrl(await makeNewPassword(page, 'owner'))
          expect(await signedInAs(url)).toBe('owner')
          await expect(signedInAs(credentials?.url ?? '')).rejects.toThrow('password')
          await page.getByRole('button', { name: 'Done' }).click()
          expect(await signedInAs(await revealedUrl(await makeNewPassword(page, 'reader')))).toBe(
            'reader',
          )
        })

        test('an extension is installed by a click, and what it brings is queried', async () => {
          const { page, watched } = await withLedger()
          watched.expectRefusal(400, '/api/db/ledger/query')
          await page.getByRole('link', { name: 'ledger', exact: true }).click()
          await page.getByRole('button', { name: 'Install hstore' }).click()
          const extensions = page.getByRole('region', { name: 'Extensions' })
          await extensions
            .getByRole('listitem')
            .filter({ hasText: /^hstore .*installed$/ })
            .waitFor()
          await page.getByRole('navigation', { name: 'Pages of ledger' }).getByText('SQL').click()
          await runSql(page, "select 'a=>1'::hstore -> 'a' as answer, 1.50 as price, true as done")
          const grid = page.getByRole('grid', { name: 'Rows of the result' })
          for (const name of ['1', '1.50', 'true'])
            await grid.getByRole('gridcell', { name, exact: true }).waitFor()
          await runSql(page, 'select 1;\nselect hstore,\n  oops from nothing')
          const results = page.getByRole('region', { name: 'Results' })
          await results.getByRole('alert').getByText('relation "nothing" does not exist').waitFor()
          await results.getByText('Line 2, column 13 of the statement').waitFor()
          expect(await page.locator('.cm-lintRange-error').textContent()).toBe('nothing')
        })

        test('tables of all schemas are browsed, sorted and filtered', async () => {
          const { page } = await withLedger()
          await page.goto('/db/ledger/tables')
          await page.getByRole('link', { name: 'sales.invoices' }).click()
          const grid = page.getByRole('grid', { name: 'Rows of sales.invoices' })
          await grid.getByRole('gridcell', { name: '12.3456', exact: true }).waitFor()
          await grid.getByRole('columnheader', { name: /^amount/ }).click()
          await grid.getByRole('columnheader', { name: /^amount/ }).click()
          await grid.getByRole('gridcell', { name: '2222.2080', exact: true }).waitFor()
          await page.getByRole('button', { name: 'Filter' }).click()
          await page.getByLabel('Column').selectOption('amount')
          await page.getByLabel('Comparison').selectOption('lt')
          await page.getByRole('textbox', { name: 'Value' }).fill('30')
          await page.getByRole('button', { name: 'Add' }).click()
          await page.getByText('Rows 1–2', { exact: true }).waitFor()
        })

        async function withLedger() {
          const opened = await newPage()
          await makeLedger(product.client)
          await signIn(opened.page, product.token)
          return opened
        }
      },
    )

    async function withShop() {
      const opened = await newPage()
      await product.client.databases.spawn({ params: { name: 'shop' } })
      await signIn(opened.page, product.token)
      return opened
    }

    /** From the list of databases, or from another page of the same one. */
    async function openPage(page: Page, name: 'Overview' | 'SQL' | 'Tables') {
      const shop = page.getByRole('link', { name: 'shop', exact: true }).first()
      if (page.url().endsWith('/databases')) await shop.click()
      await page.getByRole('navigation', { name: 'Pages of shop' }).getByText(name).click()
    }

    describe('each page, light and dark', () => {
      let context: BrowserContext
      let page: Page
      let watched: Watch
      beforeAll(async () => {
        context = await browser.newContext({ baseURL: product.url, reducedMotion: 'reduce' })
        page = await context.newPage()
        page.setDefaultTimeout(STEP_MS)
        watched = await watch(page, product.url)
        watched.expectRefusal(401, '/admin/session')
        watched.expectRefusal(400, '/api/db/shop/query')
        watched.expectRefusal(400, '/api/db/ledger/query')
        watched.expectRefusal(404, '/admin/databases/nowhere')
      })
      afterAll(async () => {
        await context?.close()
        await product.deleteAllDatabases()
      })

      describe.each(['nothing', 'session', 'shop', 'ledger'] as const)('with %s', (needs) => {
        const skipped = needs === 'ledger' && postgresServerAbsence !== null
        beforeAll(async () => {
          if (skipped) return
          if (needs === 'session') await signIn(page, product.token)
          if (needs === 'shop') await makeShop(product.client)
          if (needs === 'ledger') await makeLedger(product.client)
        }, START_MS)

        test.skipIf(skipped).each(views.filter((view) => view.needs === needs))(
          '$name: axe finds nothing, and 320 px are wide enough',
          async ({ open }) => {
            await page.setViewportSize({ width: 1280, height: 800 })
            await open(page)
            for (const colorScheme of ['light', 'dark'] as const) {
              await page.emulateMedia({ colorScheme })
              await expect.poll(() => isDark(page)).toBe(colorScheme === 'dark')
              await settle(page)
              const { violations } = await new AxeBuilder({ page }).analyze()
              const found = violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
              expect(found, colorScheme).toEqual([])
            }
            await page.setViewportSize({ width: 320, height: 700 })
            await expect.poll(() => widthBeyondScreen(page)).toBe(0)
            expect(watched.problems.splice(0)).toEqual([])
          },
        )
      })
    })
  },
)

/** Everything that a script of the page could take away. */
function readableByScript(page: Page): Promise<string> {
  return page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
  )
}

/** The connection string where a password is shown, which is hidden at first. */
async function revealedUrl(shown: Locator): Promise<string> {
  const text = shown.getByText('postgres://')
  expect(await text.textContent()).toContain('•')
  await shown.getByRole('button', { name: 'Reveal' }).click()
  await text.filter({ hasNotText: '•' }).waitFor()
  return (await text.textContent()) ?? ''
}

const withoutPassword = (url: string) => url.replace(`:${new URL(url).password}@`, '@')

/** Who a client is that signs in. */
async function signedInAs(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    const { rows } = await client.query('select session_user as name')
    return rows[0].name
  } finally {
    await client.end()
  }
}

/** Differs for each document that the page has loaded. */
const documentOf = (page: Page) => page.evaluate(() => performance.timeOrigin)

const isDark = (page: Page) =>
  page.evaluate(() => document.documentElement.classList.contains('dark'))

const widthBeyondScreen = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
