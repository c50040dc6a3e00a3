import type { Page } from 'playwright-core'
import { chooseEngine, makeNewPassword, openSpawnDialog, runSql } from './browser-steps.ts'
import type { View } from './browser-views.ts'

/** What looks different with a PostgreSQL database: that of `makeLedger`. */
export const postgresViews: readonly View[] = [
  {
    name: 'databases-of-two-engines',
    needs: 'ledger',
    open: async (page) => {
      await page.goto('/databases')
      await page.getByRole('link', { name: 'ledger', exact: true }).waitFor()
    },
  },
  {
    name: 'databases-of-one-engine',
    needs: 'ledger',
    open: async (page) => {
      await page.goto('/databases')
      await page.getByLabel('Filter by engine').selectOption('postgres')
      await page.getByRole('link', { name: 'shop', exact: true }).waitFor({ state: 'detached' })
    },
  },
  {
    name: 'postgres-spawn-dialog',
    needs: 'ledger',
    open: async (page) => {
      await page.goto('/databases')
      await chooseEngine(await openSpawnDialog(page), 'PostgreSQL')
    },
  },
  {
    name: 'postgres-overview',
    needs: 'ledger',
    open: async (page) => {
      await openOverview(page)
      await page.getByRole('button', { name: 'Install hstore' }).waitFor()
      const figures = page.getByRole('region', { name: 'Use of resources' })
      await figures.filter({ hasNotText: '—' }).waitFor()
    },
  },
  {
    name: 'postgres-password-form',
    needs: 'ledger',
    open: async (page) => {
      await openOverview(page)
      await page.getByRole('button', { name: 'New password…' }).click()
      await page.getByRole('button', { name: 'Make a new password' }).waitFor()
    },
  },
  {
    name: 'postgres-password',
    needs: 'ledger',
    open: async (page) => {
      await openOverview(page)
      await makeNewPassword(page, 'reader')
    },
  },
  { name: 'postgres-sql', needs: 'ledger', open: openConsole },
  {
    name: 'postgres-sql-result',
    needs: 'ledger',
    open: async (page) => {
      await openConsole(page)
      await runSql(page, 'select * from sales.invoices order by number limit 40;')
      await page.getByRole('grid').getByRole('gridcell').first().waitFor()
    },
  },
  {
    name: 'postgres-sql-error',
    needs: 'ledger',
    open: async (page) => {
      await openConsole(page)
      await runSql(page, 'select number, amont\nfrom sales.invoices;')
      await page.getByRole('alert').getByText('column "amont" does not exist').waitFor()
    },
  },
  {
    name: 'postgres-tables',
    needs: 'ledger',
    open: async (page) => {
      await page.goto('/db/ledger/tables')
      await page.getByRole('link', { name: 'sales.by_month' }).waitFor()
    },
  },
  {
    name: 'postgres-cell',
    needs: 'ledger',
    open: async (page) => {
      await page.goto('/db/ledger/tables/accounts')
      const grid = page.getByRole('grid', { name: 'Rows of accounts' })
      await grid.getByRole('gridcell').filter({ hasText: 'currency' }).first().dblclick()
      await page.getByRole('dialog', { name: 'settings' }).waitFor()
    },
  },
  {
    name: 'postgres-table-structure',
    needs: 'ledger',
    open: async (page) => {
      await page.goto('/db/ledger/tables/sales.invoices?pane=structure')
      await page.getByRole('heading', { name: 'Foreign keys' }).waitFor()
    },
  },
]

async function openOverview(page: Page): Promise<void> {
  await page.goto('/db/ledger')
  await page.getByRole('heading', { name: 'For PostgreSQL clients' }).waitFor()
}

async function openConsole(page: Page): Promise<void> {
  await page.goto('/db/ledger/sql')
  await page.getByRole('textbox', { name: 'SQL editor' }).waitFor()
  await page
    .getByRole('button', { name: /limit 100/ })
    .first()
    .waitFor()
}
