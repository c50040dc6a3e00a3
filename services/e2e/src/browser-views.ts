import type { Page } from 'playwright-core'
import { postgresViews } from './browser-postgres-views.ts'
import {
  enterToken,
  live,
  openDeleteDialog,
  openJobsTray,
  openMenu,
  openSpawnDialog,
  runSql,
} from './browser-steps.ts'

/** A page of the dashboard, or a state of one, that has a look of its own. */
export interface View {
  readonly name: string
  /** What must be there before: nothing, then a session, then the shop of `makeShop`, then the ledger of `makeLedger`. */
  readonly needs: 'nothing' | 'session' | 'shop' | 'ledger'
  readonly open: (page: Page) => Promise<unknown>
}

export const views: readonly View[] = [
  {
    name: 'sign-in',
    needs: 'nothing',
    open: async (page) => {
      await page.goto('/sign-in')
      await page.getByRole('button', { name: 'Sign in' }).waitFor()
    },
  },
  {
    name: 'sign-in-refused',
    needs: 'nothing',
    open: async (page) => {
      await page.goto('/sign-in')
      await enterToken(page, 'not the token')
      await page.locator('[aria-invalid=true]').waitFor()
    },
  },
  {
    name: 'databases-empty',
    needs: 'session',
    open: async (page) => {
      await page.goto('/databases')
      await page.getByRole('heading', { name: 'Spawn the first database' }).waitFor()
      await page.getByLabel('Name', { exact: true }).waitFor()
      await page.getByText('Runtime: process.').waitFor()
    },
  },
  {
    name: 'activity-none',
    needs: 'session',
    open: async (page) => {
      await page.goto('/activity')
      await page.getByLabel('Filter by state').selectOption('failed')
      await page.getByText('No job has the state “failed”.').waitFor()
    },
  },
  {
    name: 'deleted-empty',
    needs: 'session',
    open: async (page) => {
      await page.goto('/databases/deleted')
      await page.getByText('There is nothing to have back.').waitFor()
    },
  },
  { name: 'databases', needs: 'shop', open: openDatabases },
  {
    name: 'databases-asleep',
    needs: 'shop',
    open: async (page) => {
      await page.goto('/databases?state=asleep')
      await page.getByRole('link', { name: 'newsletter', exact: true }).waitFor()
      await page.getByText('Runtime: process.').waitFor()
    },
  },
  {
    name: 'jobs-tray',
    needs: 'shop',
    open: async (page) => {
      await openDatabases(page)
      const tray = await openJobsTray(page)
      await tray.getByText('succeeded').first().waitFor()
    },
  },
  {
    name: 'activity',
    needs: 'shop',
    open: async (page) => {
      await page.goto('/activity')
      await page.getByRole('row', { name: /^Restart newsletter/ }).waitFor()
    },
  },
  { name: 'deleted', needs: 'shop', open: openDeleted },
  {
    name: 'undelete-dialog',
    needs: 'shop',
    open: async (page) => {
      await openDeleted(page)
      await page.getByRole('button', { name: 'Undelete old-shop' }).click()
      await page.getByRole('dialog', { name: 'Bring old-shop back' }).waitFor()
    },
  },
  {
    name: 'purge-dialog',
    needs: 'shop',
    open: async (page) => {
      await openDeleted(page)
      await page.getByRole('button', { name: 'Destroy now: old-shop' }).click()
      await page.getByRole('dialog', { name: 'Destroy old-shop' }).getByRole('textbox').fill('old')
    },
  },
  {
    name: 'databases-menu',
    needs: 'shop',
    open: async (page) => {
      await openDatabases(page)
      await openMenu(page, 'shop')
    },
  },
  {
    name: 'spawn-dialog',
    needs: 'shop',
    open: async (page) => {
      await openDatabases(page)
      const dialog = await openSpawnDialog(page)
      await dialog.getByLabel('Name', { exact: true }).fill('not a name')
      await dialog.getByRole('button', { name: 'Spawn database' }).click()
      await dialog.locator('[aria-invalid=true]').waitFor()
    },
  },
  {
    name: 'delete-dialog',
    needs: 'shop',
    open: async (page) => {
      await openDatabases(page)
      const dialog = await openDeleteDialog(page, 'shop')
      await dialog.getByRole('textbox').fill('shop')
    },
  },
  {
    name: 'overview',
    needs: 'shop',
    open: async (page) => {
      await page.goto('/db/shop')
      const figures = page.getByRole('region', { name: 'Use of resources' })
      await figures.filter({ hasNotText: '—' }).waitFor()
    },
  },
  {
    name: 'overview-running',
    needs: 'shop',
    open: async (page) => {
      await page.goto('/db/shop')
      // Left running; it ends when the page is left.
      await page.evaluate(() => {
        const sql =
          'with recursive n(i) as (values (1) union all select i + 1 from n) select count(*) from n'
        void fetch('/api/db/shop/query', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ sql }),
        }).catch(() => {})
      })
      // Other pages may have left one running too.
      await page
        .getByRole('button', { name: /^Cancel query / })
        .first()
        .waitFor()
    },
  },
  {
    name: 'overview-stopped',
    needs: 'shop',
    open: async (page) => {
      await page.goto('/db/archive-2024')
      await page.getByRole('button', { name: 'Start archive-2024' }).waitFor()
    },
  },
  { name: 'sql', needs: 'shop', open: openConsole },
  {
    name: 'sql-result',
    needs: 'shop',
    open: async (page) => {
      await openConsole(page)
      await runSql(page, 'select * from customers order by name limit 40;')
      await page.getByRole('grid').getByRole('gridcell').first().waitFor()
    },
  },
  {
    name: 'sql-error',
    needs: 'shop',
    open: async (page) => {
      await openConsole(page)
      await runSql(page, 'select name, city\nfrom customers\nwhere city == = 1;')
      await page.getByRole('alert').getByText('syntax error').waitFor()
    },
  },
  {
    name: 'tables',
    needs: 'shop',
    open: async (page) => {
      await page.goto('/db/shop/tables')
      await page.getByRole('link', { name: 'turnover' }).waitFor()
    },
  },
  {
    name: 'table-rows',
    needs: 'shop',
    open: async (page) => {
      await page.goto('/db/shop/tables/customers')
      await page
        .getByRole('grid', { name: 'Rows of customers' })
        .getByRole('gridcell')
        .first()
        .waitFor()
    },
  },
  {
    name: 'table-structure',
    needs: 'shop',
    open: async (page) => {
      await page.goto('/db/shop/tables/orders')
      await page.getByRole('link', { name: 'Structure' }).click()
      await page.getByRole('heading', { name: 'Foreign keys' }).waitFor()
    },
  },
  {
    name: 'not-found',
    needs: 'shop',
    open: async (page) => {
      await page.goto('/db/nowhere')
      await page.getByRole('heading', { name: 'There is no database nowhere' }).waitFor()
    },
  },
  ...postgresViews,
]

async function openDatabases(page: Page): Promise<void> {
  await page.goto('/databases')
  await page.getByRole('link', { name: 'shop', exact: true }).waitFor()
  await page.getByText('Runtime: process.').waitFor()
}

async function openDeleted(page: Page): Promise<void> {
  await page.goto('/databases/deleted')
  await page.getByRole('row', { name: /^old-shop/ }).waitFor()
}

async function openConsole(page: Page): Promise<void> {
  await page.goto('/db/shop/sql')
  await page.getByRole('textbox', { name: 'SQL editor' }).waitFor()
  await page
    .getByRole('button', { name: /limit 100/ })
    .first()
    .waitFor()
}

/** Fonts are there, nothing moves any more, and the live connection stands. */
export async function settle(page: Page): Promise<void> {
  if (await page.getByRole('banner').count()) await live(page)
  await page.evaluate(async () => {
    await document.fonts.ready
    // A cursor blinks for ever.
    const ending = document
      .getAnimations()
      .filter(({ effect }) => effect?.getComputedTiming().endTime !== Number.POSITIVE_INFINITY)
    await Promise.allSettled(ending.map(({ finished }) => finished))
  })
}
