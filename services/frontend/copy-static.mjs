// The standalone server serves what lies beside it; Next leaves that copy to the deployment.
import { cpSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname
cpSync(join(here, '.next/static'), join(here, '.next/standalone/services/frontend/.next/static'), {
  recursive: true,
})
