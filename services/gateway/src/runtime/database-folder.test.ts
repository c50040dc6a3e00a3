import { existsSync } from 'node:fs'
import { lstat, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { dataLayout } from './data-layout.ts'
import { giveFolder, makeDatabaseFolder, removeDatabaseFolder } from './database-folder.ts'

const id = 'db_aaaaaaaaaaaa'

async function folder() {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'dbf-')))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const layout = dataLayout(join(root, 'data'))
  const outside = join(root, 'outside')
  await mkdir(outside)
  await writeFile(join(outside, 'precious'), 'precious')
  return { layout, outside, precious: join(outside, 'precious') }
}

test('a folder is closed to others, and made again where it is', async () => {
  const { layout } = await folder()
  await makeDatabaseFolder(layout, id)
  await makeDatabaseFolder(layout, id)
  expect((await lstat(layout.runDir(id))).mode & 0o777).toBe(0o700)
})

test('what links in a folder lead to outlives its removal', async () => {
  const { layout, outside, precious } = await folder()
  await makeDatabaseFolder(layout, id)
  await symlink(outside, join(layout.databaseDir(id), 'folder'))
  await symlink(precious, join(layout.databaseDir(id), 'file'))
  await removeDatabaseFolder(layout, id)
  expect(existsSync(layout.databaseDir(id))).toBe(false)
  expect(existsSync(precious)).toBe(true)
})

test('a folder that is a link is refused', async () => {
  const { layout, outside, precious } = await folder()
  await mkdir(layout.databasesDir, { recursive: true })
  await symlink(outside, layout.databaseDir(id))
  await expect(removeDatabaseFolder(layout, id)).rejects.toThrow('is no folder')
  expect(existsSync(precious)).toBe(true)
})

test('an id that is none removes nothing', async () => {
  const { layout, precious } = await folder()
  for (const bad of ['', '.', '..', '../../outside', 'db_aaaaaaaaaaaa/..'])
    await expect(removeDatabaseFolder(layout, bad)).rejects.toThrow()
  expect(existsSync(precious)).toBe(true)
})

test('a data folder that is itself behind a link is no obstacle', async () => {
  const { layout, outside } = await folder()
  await makeDatabaseFolder(layout, id)
  await symlink(layout.root, join(outside, 'link'))
  await removeDatabaseFolder(dataLayout(join(outside, 'link')), id)
  expect(existsSync(layout.databaseDir(id))).toBe(false)
})

const isRoot = process.getuid?.() === 0
test.skipIf(!isRoot)(
  `links are given away, and not what they lead to${isRoot ? '' : ': skipped, since only root gives files away'}`,
  async () => {
    const { layout, precious } = await folder()
    await makeDatabaseFolder(layout, id)
    const link = join(layout.databaseDir(id), 'link')
    await symlink(precious, link)
    await giveFolder(layout.databaseDir(id), 10_001, 10_002)
    for (const path of [layout.databaseDir(id), layout.runDir(id), link])
      expect(await lstat(path)).toMatchObject({ uid: 10_001, gid: 10_002 })
    expect(await lstat(precious)).toMatchObject({ uid: 0, gid: 0 })
  },
)
