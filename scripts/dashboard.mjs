// The dashboard's server as a child of `npm start`.
import { join } from 'node:path'
import { root } from './build.mjs'

process.on('disconnect', () => process.exit(0))
process.chdir(join(root, 'services/frontend/.next/standalone/services/frontend'))
await import(join(process.cwd(), 'server.js'))
