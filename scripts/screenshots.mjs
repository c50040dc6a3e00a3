// Pictures of every page of the dashboard, light and dark, wide and narrow, into `screenshots/`.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureBuilt, root } from './build.mjs'

const SIZES = [
  { width: 1280, height: 800 },
  { width: 320, height: 700 },
]

await ensureBuilt()
const e2e = (name) => import(join(root, 'services/e2e/dist', `${name}.js`))
const { findChromium, launchChromium } = await e2e('browser-chromium')
const { makeLedger } = await e2e('browser-ledger')
const { makeShop } = await e2e('browser-shop')
const { signIn } = await e2e('browser-steps')
const { settle, views } = await e2e('browser-views')
const { startProduct } = await e2e('product')

const chromiumPath = await findChromium()
if (!chromiumPath) {
  console.error('Screenshots need Chromium; CHROMIUM_PATH can name it.')
  process.exit(1)
}
const folder = join(root, 'screenshots')
await rm(folder, { recursive: true, force: true })
await mkdir(folder)

const product = await startProduct()
const browser = await launchChromium(chromiumPath)
try {
  const looks = await Promise.all(
    ['light', 'dark'].flatMap((theme) => SIZES.map((size) => newLook(theme, size))),
  )
  for (const needs of ['nothing', 'session', 'shop', 'ledger']) {
    if (needs === 'session') await Promise.all(looks.map(({ page }) => signIn(page, product.token)))
    if (needs === 'shop') await makeShop(product.client)
    if (needs === 'ledger' && !(await isMade(makeLedger(product.client)))) continue
    for (const view of views.filter((one) => one.needs === needs))
      await Promise.all(looks.map((look) => takePicture(view, look)))
  }
} finally {
  await browser.close()
  await product.stop()
}

/** False where PostgreSQL cannot be run. */
async function isMade(ledger) {
  try {
    await ledger
    return true
  } catch (error) {
    if (error.problem?.code !== 'engine.unavailable') throw error
    console.log(`Without PostgreSQL: ${error.problem.detail}`)
    return false
  }
}

async function newLook(theme, size) {
  const context = await browser.newContext({
    baseURL: product.url,
    viewport: size,
    colorScheme: theme,
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  return { page, suffix: `${theme}-${size.width}` }
}

async function takePicture(view, { page, suffix }) {
  const file = `${view.name}-${suffix}.png`
  await view.open(page)
  await settle(page)
  await page.screenshot({ path: join(folder, file), fullPage: true })
  console.log(`screenshots/${file}`)
}
