import path from 'node:path'
import type { NextConfig } from 'next'

const repositoryRoot = path.join(import.meta.dirname, '../..')

process.env.NEXT_TELEMETRY_DISABLED = '1'

const config: NextConfig = {
  output: 'standalone',
  outputFileTracingRoot: repositoryRoot,
  turbopack: { root: repositoryRoot },
  images: { unoptimized: true },
  // Images are served as they are, so the library that scales them stays out.
  outputFileTracingExcludes: {
    '/*': ['../../node_modules/@img/**', '../../node_modules/sharp/**'],
  },
  // Browsers ask for it beside whatever is no page of ours, such as an answer of the API.
  rewrites: async () => [{ source: '/favicon.ico', destination: '/icon.svg' }],
  poweredByHeader: false,
  devIndicators: false,
}

export default config
